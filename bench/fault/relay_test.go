package fault

import (
	"context"
	"testing"
	"time"
)

// TestRelay: what pairs send arrives at their own ends, and is counted.
func TestRelay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- RunRelay(ctx, NullOptions{Loops: 2}, func(u string) { url <- u }) }()
	at := <-url
	var marks []bool
	n, err := int64(0), error(nil)
	for long := 50 * time.Millisecond; n < 7 && long < patience; long *= 2 { // Until it is long enough for this machine.
		marks = nil
		n, err = DriveRelay(t.Context(), DriveOptions{URL: at, Loops: 2, Pairs: 7, WarmUp: long, For: 2 * long},
			func(begins bool) { marks = append(marks, begins) })
	}
	if err != nil || n < 7 || len(marks) != 2 || !marks[0] || marks[1] {
		t.Errorf("%d messages, %v, %v", n, marks, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n, err := DriveRelay(t.Context(), DriveOptions{URL: at, Loops: 1, Pairs: 1, WarmUp: patience, For: patience}, func(bool) {}); err == nil {
		t.Errorf("%d messages through a relay that is not there", n)
	}
}
