package main

import (
	"cmp"
	"fmt"
	"time"

	"mqttbench/bench"
	"mqttbench/bench/fault"
	"mqttbench/bench/result"
)

// judged is told by the proxy what the broker did about a client that fell silent.
func (m *mishaps) judged(x fault.Silence) {
	y := bench.Silence{At: x.Since, Silence: result.Silence{
		Client: x.Client, Connection: x.Connection + 1, KeepAlive: x.KeepAlive.Seconds(), Grace: x.Grace.Seconds(),
		LastID: int(x.LastID), Waited: x.Waited.Seconds(), Noticed: x.Verdict.String(),
	}}
	if x.Last != 0 {
		y.Last = x.Last.String()
	}
	if x.Spoke {
		y.Reason = x.Said.String()
	}
	if x.Ended {
		y.End = "FIN"
		if x.Reset {
			y.End = "RST"
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silences = append(m.silences, y)
}

// silent are the silences that have been judged, and how many have not.
func (m *mishaps) silent() (all []bench.Silence, waiting int) {
	waiting = m.proxy.Silent() // First: who is judged between the two would be in neither.
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(all, m.silences...), waiting
}

// unanswered is what the broker owes to the proxy.
func (m *mishaps) unanswered() (all []bench.Unanswered) {
	for _, x := range m.proxy.Unanswered() {
		all = append(all, bench.Unanswered{Client: x.Client, Connection: x.Connection + 1, Packet: x.Type.String(), ID: x.ID, Count: int64(x.Count)})
	}
	return all
}

// checkSilences refuses a run that would be over before a broker has to notice.
func (s *settings) checkSilences() error {
	for _, m := range s.faults {
		if m.process != "" || m.fault.Action != fault.Silent {
			continue
		}
		grace, keepAlive := cmp.Or(m.lasts, fault.SilenceGrace), s.keepAlive
		if keepAlive == 0 {
			return fmt.Errorf("--fault %s: with --keep-alive 0 the broker need never notice that a client is silent: use --keep-alive 2s", m.text)
		}
		if need, has := keepAlive*3/2+grace, s.duration+s.drain-m.at; need > has {
			return fmt.Errorf("--fault %s: of a client that is silent the broker may take no notice for 1.5 x --keep-alive %v, and has %v more, but the run and its --drain are over %v after it fell silent: use --keep-alive 2s",
				m.text, keepAlive, grace, max(0, has).Round(time.Millisecond))
		}
	}
	return nil
}
