package packet

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNames(t *testing.T) {
	for _, x := range []struct {
		s            string
		name, filter bool
	}{
		{"a", true, true},
		{"/", true, true},
		{"//", true, true},
		{" ", true, true},
		{"$SYS/x", true, true},
		{"$share", true, true},
		{"$sharex/+/b", false, true},
		{"Accounts payable", true, true},
		{"\uFEFFa", true, true},
		{"\u0001", true, true},          // SHOULD NOT, [v5 1.5.4]: not refused.
		{"a\uFFFFb", true, true},        // Likewise a non-character.
		{"\U0010FFFF", true, true},      // The last code point.
		{"a\u0000b", false, false},      // [v5 MQTT-1.5.4-2]
		{"a\xED\xA0\x80", false, false}, // A surrogate, [v5 MQTT-1.5.4-1].
		{"a\xC1\x81", false, false},     // Overlong A.
		{"a\xFF", false, false},
		{"", false, false},
		{"+", false, true},
		{"#", false, true},
		{"/+", false, true},
		{"+/", false, true},
		{"+/+/#", false, true},
		{"sport/tennis/#", false, true},
		{"sport/tennis#", false, false},
		{"sport/tennis/#/ranking", false, false},
		{"sport+", false, false},
		{"+sport", false, false},
		{"sport/+/player1", false, true},
		{"##", false, false},
		{"++", false, false},
		{"#/", false, false},
		{"é/+", false, true},
		{"$share/g/x", true, true},
		{"$share/g/#", false, true},
		{"$share/g/+/#", false, true},
		{"$share/g//", true, true},
		{"$share/g/é", true, true},
		{"$share/", true, false},
		{"$share/g", true, false},
		{"$share/g/", true, false},
		{"$share//x", true, false},
		{"$share/+/x", false, false},
		{"$share/g#/x", false, false},
		{"$share/g/x#", false, false},
		{strings.Repeat("a", 65535), true, true},
		{strings.Repeat("a", 65536), false, false},
	} {
		if got := ValidName([]byte(x.s)); got != x.name {
			t.Errorf("ValidName(%.40q) = %v", x.s, got)
		}
		if got := checkFilter([]byte(x.s)) == nil; got != x.filter {
			t.Errorf("checkFilter(%.40q) allows it: %v", x.s, got)
		}
	}
}

// naiveName and naiveFilter say the same as the checks, in the words of
// [v5 4.7] and without their speed.
func naiveName(s string) bool {
	return naiveText(s) && s != "" && !strings.ContainsAny(s, "+#")
}

func naiveText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func naiveFilter(s string) bool {
	if !naiveText(s) {
		return false
	}
	levels := strings.Split(s, "/")
	if levels[0] == "$share" && len(levels) > 1 {
		if len(levels) < 3 || levels[1] == "" || strings.ContainsAny(levels[1], "+#") {
			return false
		}
		s = strings.Join(levels[2:], "/")
		levels = levels[2:]
	}
	for i, level := range levels {
		if strings.Contains(level, "#") && (level != "#" || i+1 < len(levels)) {
			return false
		}
		if strings.Contains(level, "+") && level != "+" {
			return false
		}
	}
	return s != ""
}

// TestNamesNaive compares both under strings made of what matters, at lengths
// around the words of eight bytes that the checks take at a time.
func TestNamesNaive(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		"a", "b", "/", "/", "+", "#", "level", "é", "\u2028", "\x00", "\x80", "\xED\xA0\x80", "\"", "'", ",", "*", "\x7F", "\x01", "\x23", "\x2B", "\xA3", "\xAB", "$share/",
	})
	plain := rapid.StringMatching(`[a-z/]{0,40}`)
	rapid.Check(t, func(t *rapid.T) {
		s := plain.Draw(t, "plain")
		at := rapid.IntRange(0, len(s)).Draw(t, "at")
		s = s[:at] + strings.Join(rapid.SliceOfN(pieces, 0, 4).Draw(t, "pieces"), "") + s[at:]
		if got := ValidName([]byte(s)); got != naiveName(s) {
			t.Errorf("ValidName(%q) = %v", s, got)
		}
		if got := checkFilter([]byte(s)) == nil; got != naiveFilter(s) {
			t.Errorf("checkFilter(%q) allows it: %v", s, got)
		}
		if got := checkText([]byte(s)) == nil; got != naiveText(s) {
			t.Errorf("checkText(%q) = %v", s, got)
		}
	})
}

// TestEveryByte puts every byte at every place of words of every length.
func TestEveryByte(t *testing.T) {
	for n := 1; n <= 25; n++ {
		for at := range n {
			for c := range 256 {
				b := []byte(strings.Repeat("x", n))
				b[at] = byte(c)
				if got, want := plainName(b), c != 0 && c < 0x80 && c != '+' && c != '#'; got != want {
					t.Fatalf("plainName(%q) = %v", b, got)
				}
				if got, want := plainText(b), c != 0 && c < 0x80; got != want {
					t.Fatalf("plainText(%q) = %v", b, got)
				}
			}
		}
	}
}
