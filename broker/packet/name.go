package packet

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// ValidName reports whether b may be a Topic Name, [v5 4.7], its UTF-8 included, [v5 1.5.4].
func ValidName(b []byte) bool { return checkName(b, faultWildcard) == nil }

// Eight bytes at a time: the top bit of each byte of a word says whether that
// byte needs a closer look.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// isZero marks x's lowest zero byte, and nothing if x has none. The bytes above
// the lowest may be marked wrongly, which does not matter here.
func isZero(x uint64) uint64 { return (x - ones) &^ x }

// oddText marks bytes that are zero or not ASCII.
func oddText(x uint64) uint64 { return x | isZero(x) }

// oddName marks + and # as well. They differ in one bit, so that clearing it
// lets one comparison find both.
func oddName(x uint64) uint64 {
	return oddText(x) | isZero(x&^(ones<<3)^(ones*'#'))
}

// plainName reports whether b is a Topic Name without need of a closer look:
// not empty, ASCII, no U+0000, no wildcard. Its last word overlaps the one
// before it, which is cheaper than a loop over a tail.
func plainName(b []byte) bool {
	if len(b) < 8 {
		return plainShortName(b)
	}
	odd := oddName(binary.LittleEndian.Uint64(b[len(b)-8:]))
	for len(b) > 8 {
		odd |= oddName(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	return odd&tops == 0
}

func plainShortName(b []byte) bool {
	for _, c := range b {
		if c == 0 || c >= 0x80 || c&^8 == '#' {
			return false
		}
	}
	return len(b) > 0
}

// checkText checks a UTF-8 Encoded String. utf8.Valid refuses surrogates and
// overlong forms; U+FEFF is a character like any other, [v5 MQTT-1.5.4-3].
func checkText(b []byte) *fault {
	if plainText(b) {
		return nil
	}
	if !utf8.Valid(b) {
		return faultUTF8
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return faultNull
	}
	return nil
}

// plainText is plainName without the wildcards, and lets b be empty.
func plainText(b []byte) bool {
	for len(b) >= 8 {
		if oddText(binary.LittleEndian.Uint64(b))&tops != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c == 0 || c >= 0x80 {
			return false
		}
	}
	return true
}

// checkName checks a Topic Name. Who asks says which clause a wildcard breaks.
func checkName(b []byte, wildcard *fault) *fault {
	if len(b) == 0 {
		return faultEmptyTopic
	}
	if len(b) > 0xFFFF {
		return faultLongTopic
	}
	if plainName(b) {
		return nil
	}
	if f := checkText(b); f != nil {
		return f
	}
	if bytes.ContainsAny(b, "+#") {
		return wildcard
	}
	return nil
}

// checkFilter checks a Topic Filter, with its $share/ShareName/ if it has one.
func checkFilter(b []byte) *fault {
	if len(b) == 0 {
		return faultEmptyTopic
	}
	if len(b) > 0xFFFF {
		return faultLongTopic
	}
	if f := checkText(b); f != nil {
		return f
	}
	if rest, ok := shared(b); ok {
		name, filter, slash := bytes.Cut(rest, []byte("/"))
		if len(name) == 0 {
			return faultShareName
		}
		if !slash || len(filter) == 0 || bytes.ContainsAny(name, "+#") {
			return faultShare
		}
		b = filter
	}
	return checkWildcards(b)
}

// checkWildcards checks that + and # stand alone in their levels and that
// nothing follows #.
func checkWildcards(b []byte) *fault {
	for i, c := range b {
		if c&^8 != '#' {
			continue
		}
		alone := i == 0 || b[i-1] == '/'
		last := i+1 == len(b)
		if c == '#' && !(alone && last) {
			return faultHash
		}
		if c == '+' && !(alone && (last || b[i+1] == '/')) {
			return faultPlus
		}
	}
	return nil
}

// shared reports whether b is the Topic Filter of a Shared Subscription, and
// what follows the "$share/". Plain "$share" is an ordinary filter.
func shared(b []byte) (rest []byte, ok bool) { return bytes.CutPrefix(b, []byte("$share/")) }
