package report

import (
	"fmt"

	"mqttbench/bench/result"
)

// silences says what the broker did about clients that fell silent.
func silences(all []result.Silence) observation {
	counts := map[string]int64{}
	shortest, longest := 0.0, 0.0
	said := int64(0)
	for i := range all {
		x := &all[i]
		counts[x.Noticed]++
		if x.Noticed != result.SilenceNoticed {
			continue
		}
		if counts[x.Noticed] == 1 || x.Waited < shortest {
			shortest = x.Waited
		}
		longest = max(longest, x.Waited)
		if x.Reason == result.KeepAliveTimeout {
			said++
		}
	}
	n := counts[result.SilenceNoticed]
	text := fmt.Sprintf("%s fell silent, with a Keep Alive of %s: noticed %s", plural(int64(len(all)), "client"), seconds(all[0].KeepAlive), count(n))
	if n > 0 {
		text += fmt.Sprintf(", %.1f to %.1f times the Keep Alive after the last packet", shortest/all[0].KeepAlive, longest/all[0].KeepAlive)
	}
	if said > 0 {
		text += fmt.Sprintf(", %s with DISCONNECT 0x8D", count(said))
	}
	for _, word := range []string{result.SilenceEarly, result.SilenceUnnoticed, result.SilenceUnknown} {
		if counts[word] > 0 {
			text += fmt.Sprintf(", %s %s", word, count(counts[word]))
		}
	}
	o := observation{"silence", none, text}
	if counts[result.SilenceUnnoticed] > 0 {
		o.mark = red
	}
	return o
}
