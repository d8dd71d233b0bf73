package auth

import "bytes"

// matches reports whether a Topic Filter matches a Topic Name, [v5 4.7]. It allocates nothing.
func matches(filter string, name []byte) bool {
	if len(filter) == 0 || len(name) == 0 || (filter[0] == '$') != (name[0] == '$') {
		return false // [v5 MQTT-4.7.2-1]
	}
	for {
		level, more, deeper := cutLevel(filter)
		if level == "#" {
			return true
		}
		given, rest, longer := cutName(name)
		if level != "+" && level != string(given) {
			return false
		}
		switch {
		case !deeper && !longer:
			return true
		case !deeper:
			return false
		case !longer:
			return more == "#" // The parent level too, [v5 4.7.1.2].
		}
		filter, name = more, rest
	}
}

// cutLevel takes the first level off; deeper says that others follow.
func cutLevel(filter string) (level, rest string, deeper bool) {
	for i := range len(filter) {
		if filter[i] == '/' {
			return filter[:i], filter[i+1:], true
		}
	}
	return filter, "", false
}

func cutName(name []byte) (level, rest []byte, longer bool) {
	if i := bytes.IndexByte(name, '/'); i >= 0 {
		return name[:i], name[i+1:], true
	}
	return name, nil, false
}

// meet reports whether there can be a Topic Name that both Topic Filters match.
func meet(a, b string) bool {
	if dollar(a) != dollar(b) {
		return false
	}
	for {
		x, aRest, aMore := cutLevel(a)
		y, bRest, bMore := cutLevel(b)
		switch {
		case x == "#" || y == "#":
			return true
		case x != y && x != "+" && y != "+":
			return false
		case !aMore && !bMore:
			return true
		case !aMore:
			return bRest == "#"
		case !bMore:
			return aRest == "#"
		}
		a, b = aRest, bRest
	}
}

// covers reports whether a matches every Topic Name that b matches.
func covers(a, b string) bool {
	if dollar(a) != dollar(b) {
		return false
	}
	for {
		x, aRest, aMore := cutLevel(a)
		y, bRest, bMore := cutLevel(b)
		switch {
		case x == "#":
			return true
		case y == "#", x != "+" && x != y:
			return false
		case !aMore && !bMore:
			return true
		case !aMore:
			return false
		case !bMore:
			return aRest == "#"
		}
		a, b = aRest, bRest
	}
}

// dollar: wildcards at the beginning match no name that begins with $.
func dollar(filter string) bool { return len(filter) > 0 && filter[0] == '$' }
