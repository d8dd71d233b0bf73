package topic

import "strings"

// Matches reports whether the Topic Filter (without $share) matches the Topic Name. It is
// section 4.7 of the specification in ten lines and nothing but clear: the tests hold the
// Tree and the retained store to it.
func Matches(filter, name string) bool {
	if strings.HasPrefix(name, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false // [v5 MQTT-4.7.2-1]
	}
	asked, given := strings.Split(filter, "/"), strings.Split(name, "/")
	for i, level := range asked {
		if level == "#" {
			return true // The parent level too: given may end just before [v5 4.7.1.2].
		}
		if i == len(given) || level != "+" && level != given[i] {
			return false
		}
	}
	return len(asked) == len(given)
}

// Shared splits "$share/NAME/FILTER" into the Share Name and the Topic Filter. For any
// other filter name is empty and rest is the whole.
func Shared(filter string) (name, rest string) {
	inner, ok := strings.CutPrefix(filter, "$share/")
	if !ok {
		return "", filter
	}
	name, rest, ok = strings.Cut(inner, "/")
	if !ok || name == "" {
		return "", filter
	}
	return name, rest
}
