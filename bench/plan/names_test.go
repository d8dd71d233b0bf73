package plan

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	p := Plan{Run: "a7", Topic: "site/%r/%d/dev%i/100%%", Pattern: Pairs, Publishers: 205, Subscribers: 100}
	if got, want := p.TopicName(204), "site/a7/4/dev204/100%"; got != want {
		t.Errorf("Topic Name %q, want %q", got, want)
	}
	if got, want := p.Filters(4), []string{"site/a7/4/dev4/100%", "site/a7/4/dev104/100%", "site/a7/4/dev204/100%"}; !slices.Equal(got, want) {
		t.Errorf("pairs: filters %q, want %q", got, want)
	}
	p.Pattern = FanIn
	if got, want := p.Filters(3), []string{"site/a7/+/+/100%"}; !slices.Equal(got, want) {
		t.Errorf("fan-in: filters %q, want %q", got, want)
	}
	p.ShareName = "g"
	if got, want := p.Filters(3), []string{"$share/g/site/a7/+/+/100%"}; !slices.Equal(got, want) {
		t.Errorf("shared: filters %q, want %q", got, want)
	}
	p.Pattern, p.Publishers, p.ShareName = FanOut, 2, ""
	if got, want := p.Filters(77), []string{"site/a7/0/dev0/100%", "site/a7/1/dev1/100%"}; !slices.Equal(got, want) {
		t.Errorf("fan-out: filters %q, want %q", got, want)
	}
	p.Publishers = 0
	if got, want := p.Filters(5), []string{"site/a7/5/dev5/100%"}; !slices.Equal(got, want) {
		t.Errorf("idle: filters %q, want %q", got, want)
	}
	if got := p.PublisherID(3); got != "mba7p3" {
		t.Errorf("publisher's Client Identifier %q", got)
	}
	if got := p.SubscriberID(3); got != "mba7s3" {
		t.Errorf("subscriber's Client Identifier %q", got)
	}
}
