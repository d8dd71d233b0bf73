package report

import "testing"

func TestUnits(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{seconds(0), "0 s"},
		{seconds(812e-9), "812 ns"},
		{seconds(3.4e-6), "3.4 µs"},
		{fixedSeconds(3.4e-6), "3.40 µs"},
		{seconds(999.4e-6), "999 µs"},
		{seconds(999.6e-6), "1 ms"},
		{fixedSeconds(9.99e-3), "9.99 ms"},
		{fixedSeconds(9.996e-3), "10.0 ms"},
		{seconds(1.27), "1.27 s"},
		{seconds(86400), "86400 s"},
		{seconds(-0.001), "-1 ms"},
		{rate(0), "0/s"},
		{rate(2.5), "2.5/s"},
		{rate(9850), "9,850/s"},
		{rate(12345), "12.3 k/s"},
		{rate(999_999), "1 M/s"},
		{rate(1.25e6), "1.25 M/s"},
		{number(50_000), "50 k"},
		{bytes(732), "732 B"},
		{bytes(4 << 20), "4.19 MB"},
		{bytes(22.4e9), "22.4 GB"},
		{percent(1), "100 %"},
		{percent(0.205), "20.5 %"},
		{percent(0.9999996), "99.9999 %"},
		{percent(0.999), "99.9 %"},
		{percent(0.0000001), "< 0.1 %"},
		{percent(0), "0 %"},
		{count(1234567), "1,234,567"},
		{count(-1000), "-1,000"},
		{count(999), "999"},
		{quantity(0.001, "s"), "1 ms"},
		{quantity(3, "messages"), "3 messages"},
		{plural(1, "run"), "1 run"},
		{plural(2000, "run"), "2,000 runs"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
