package report

import (
	"fmt"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// ratesFigure sets what was offered, accepted and delivered beside each other.
func ratesFigure(r *result.Run) *figure {
	s := &r.Summary
	if s.Measured.Seconds == 0 || s.Measured.Offered == 0 {
		return nil
	}
	fan := fanOut(r)
	delivered := row{label: "delivered", bars: []bar{{s.Measured.DeliveredRate, deliveredColor}}, text: rate(s.Measured.DeliveredRate)}
	if missing := missing(s); missing > 0 {
		lost := float64(missing) / s.Measured.Seconds
		delivered.bars = append(delivered.bars, bar{lost, fade(lossColor, 0.7)})
		delivered.text += ", missing " + rate(lost)
	}
	rows := []row{
		{label: "offered", bars: []bar{{s.Measured.OfferedRate * fan, fade(offeredColor, 0.6)}}, text: rate(s.Measured.OfferedRate * fan)},
		{label: "accepted", bars: []bar{{s.Measured.AcceptedRate * fan, acceptedColor}}, text: rate(s.Measured.AcceptedRate * fan)},
		delivered,
	}
	name := "messages per second"
	if fan != 1 {
		name = fmt.Sprintf("deliveries per second: messages times the %s subscriptions each of them matches", digits(fan))
	}
	return &figure{
		name:     "rates",
		title:    marked("Offered, accepted, delivered", s),
		subtitle: verdictText(s),
		caption: []string{
			fmt.Sprintf("Over %s of measuring. Accepted: acknowledged; QoS 0: written. Missing, in red: owed and never seen, also not in the drain.", seconds(s.Measured.Seconds)),
			footer([]*result.Run{r}),
		},
		height: vg.Length(130 + len(rows)*rowHeight + rowsExtra),
		draw:   func(c draw.Canvas) { drawRows(c, name, rows, rowNameRoom(rows), rowTextRoom(rows), number) },
	}
}

func missing(s *result.Summary) (n int64) {
	for i := range s.Contracts {
		n += s.Contracts[i].Missing()
	}
	return n
}

// verdictText is the verdict of all QoS levels in a sentence.
func verdictText(s *result.Summary) string {
	text := ""
	for i := range s.Contracts {
		c := &s.Contracts[i]
		word := "kept"
		if !c.Kept() {
			word = "BROKEN"
		}
		if text != "" {
			text += ". "
		}
		text += fmt.Sprintf("QoS %d %s: %s", c.QoS, word, contract(c))
	}
	return text
}
