package auth

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func parseACL(t testing.TB, text string) *ACL {
	t.Helper()
	a, err := ParseACL("file", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const acl = `# Clients without a name.
topic read public/#
topic deny public/secret/#
topic write inbox

user bob
topic bob/#
topic  read   shared/with space
topic deny bob/not/this
topic $SYS/broker/uptime

user name with spaces
topic write w/+/x

# Everybody.
pattern readwrite clients/%c/#
pattern read users/%u/in
pattern deny clients/+/locked
`

func TestACL(t *testing.T) {
	a := parseACL(t, acl)
	for _, tt := range []struct {
		user   string // -: none
		id     string
		name   string
		access Access // What is granted.
	}{
		{"-", "c", "public", Read},
		{"-", "c", "public/a/b", Read},
		{"-", "c", "public/secret", 0},
		{"-", "c", "public/secret/x", 0},
		{"-", "c", "inbox", Write},
		{"-", "c", "inbox/x", 0},
		{"-", "c", "bob/x", 0},
		{"-", "c", "clients/c/x", Read | Write},
		{"-", "c", "clients/d/x", 0},
		{"-", "c", "users/%u/in", 0},
		{"-", "c", "users/c/in", 0},
		{"-", "c#", "clients/c#/x", 0},
		{"-", "c#", "public/x", Read}, // Topic rules come first.
		{"bob", "c", "bob", Read | Write},
		{"bob", "c", "bob/x", Read | Write},
		{"bob", "c", "bob/not/this", 0},
		{"bob", "c", "bob/not/that", Read | Write},
		{"bob", "c", "shared/with space", Read},
		{"bob", "c", "public/x", 0}, // The rules before the first user are not for those who have a name.
		{"bob", "c", "$SYS/broker/uptime", Read | Write},
		{"bob", "c", "$SYS/broker/version", 0},
		{"bob", "c", "users/bob/in", Read},
		{"bob", "c", "clients/c/locked", 0},
		{"bob", "c", "clients/c/locked/x", Read | Write},
		{"b+b", "c", "clients/c/x", 0},
		{"name with spaces", "c", "w/1/x", Write},
		{"name with spaces", "c", "users/name with spaces/in", Read},
		{"nobody", "c", "w/1/x", 0},
		{"nobody", "a/b", "clients/a/b/x", Read | Write},
		{"%c", "%u", "clients/%u/x", Read | Write}, // What is put in is not looked at again.
		{"%c", "x", "users/%c/in", Read},
	} {
		r := a.Rights(tt.user, tt.user != "-", tt.id)
		for _, access := range []Access{Read, Write} {
			if got := r.May(access, []byte(tt.name)); got != (tt.access&access != 0) {
				t.Errorf("user %s, client %s, %s, access %d: %v", tt.user, tt.id, tt.name, access, got)
			}
		}
	}
}

func TestBadACL(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"topics a", "lines begin with"},
		{"topic\tread a", "lines begin with"},
		{"  # a comment", "first column"},
		{"topic", "without a topic filter"},
		{"topic a b", "none of read"},
		{"topic rw a", "none of read"},
		{"topic READ a", "none of read"},
		{"topic read a/#/b", "# can only be its end"},
		{"topic read a#", "whole levels"},
		{"pattern read %c+", "whole levels"},
		{"pattern", "without a topic filter"},
		{"user", "without a name"},
		{"user   ", "without a name"},
		{"topic read a\xff", "UTF-8"},
		{"topic read a\x00", "UTF-8"},
		{"user \xff", "UTF-8"},
		{"topic " + strings.Repeat("x", 65536), "65536 bytes"},
	} {
		_, err := ParseACL("a/file", []byte("topic a\n"+tt.line+"\nuser bob\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "a/file:2: ") || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 400 {
			t.Errorf("%.40q: %v", tt.line, err)
		}
	}
	// No rule is a file in which nothing is allowed, as for mosquitto.
	if r := parseACL(t, "").Rights("a", true, "c"); r.May(Read, []byte("a")) || r.MaySubscribe("#") {
		t.Error("an empty file allows something")
	}
}

func TestMaySubscribe(t *testing.T) {
	a := parseACL(t, acl)
	for _, tt := range []struct {
		user, filter string
		want         bool
	}{
		{"-", "#", true},
		{"-", "public/#", true},
		{"-", "public/secret/#", false}, // Denied whole.
		{"-", "public/secret/x", false},
		{"-", "public/+", true},
		{"-", "inbox", false}, // Only to be written.
		{"-", "bob/#", false},
		{"-", "clients/+/x", true},
		{"-", "clients/d/#", false},
		{"-", "clients/c/locked", false},
		{"-", "$share/g/public/x", true},
		{"-", "$share/g/bob/x", false},
		{"-", "$SYS/#", false},
		{"-", "+/+/+", true},
		{"bob", "$SYS/#", true},
		{"bob", "$SYS/broker/version", false},
		{"bob", "bob/not/this", false},
		{"bob", "bob/not/+", true},
		{"bob", "+/not/this", true}, // Nothing can come of it, but no single rule says so: May does.
		{"nobody", "users/+/in", true},
		{"nobody", "users/bob/in", false},
	} {
		if got := a.Rights(tt.user, tt.user != "-", "c").MaySubscribe(tt.filter); got != tt.want {
			t.Errorf("%s, %s: %v", tt.user, tt.filter, got)
		}
	}
}

// naive is [v5 4.7] in the fewest words.
func naive(filter, name string) bool {
	if strings.HasPrefix(filter, "$") != strings.HasPrefix(name, "$") {
		return false
	}
	f, n := strings.Split(filter, "/"), strings.Split(name, "/")
	for i, level := range f {
		if level == "#" {
			return true
		}
		if i == len(n) || level != "+" && level != n[i] {
			return false
		}
	}
	return len(f) == len(n)
}

// names are all of up to three levels of a small alphabet.
func names() []string {
	var all []string
	levels := []string{"a", "b", "", "$x"}
	for _, x := range levels {
		all = append(all, x)
		for _, y := range levels {
			all = append(all, x+"/"+y)
			for _, z := range levels {
				all = append(all, x+"/"+y+"/"+z)
			}
		}
	}
	return all
}

func TestMatching(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here runs beside anything else")
	}
	var all []string
	for _, n := range names() {
		if n != "" {
			all = append(all, n)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	filter := func() string {
		var levels []string
		for range 1 + r.IntN(3) {
			levels = append(levels, []string{"a", "b", "", "+", "$x"}[r.IntN(5)])
		}
		if r.IntN(3) == 0 {
			levels = append(levels, "#")
		}
		return strings.Join(levels, "/")
	}
	for range 3000 {
		a, b := filter(), filter()
		if a == "" || b == "" {
			continue
		}
		together, allOfB := false, true
		for _, n := range all {
			x, y := naive(a, n), naive(b, n)
			if matches(a, []byte(n)) != x {
				t.Fatalf("%q and %q: %v", a, n, !x)
			}
			together = together || x && y
			allOfB = allOfB && (!y || x)
		}
		// A filter may match only names that are longer than those here.
		if got := meet(a, b); got != together && (together || !strings.Contains(a+b, "#")) {
			t.Fatalf("meet(%q, %q) = %v", a, b, got)
		}
		if got := covers(a, b); got && !allOfB {
			t.Fatalf("covers(%q, %q), but it does not", a, b)
		}
		if covers(a, b) && !meet(a, b) {
			t.Fatalf("covers(%q, %q), but they do not meet", a, b)
		}
		if !covers(a, a) || !meet(a, a) {
			t.Fatalf("%q is not itself", a)
		}
	}
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"#", "a/+", true}, {"a/#", "a", true}, {"a/#", "a/+/b", true}, {"+", "a", true}, {"+/#", "a/b", true}, {"+/+", "a/b", true},
		{"a", "+", false}, {"+", "#", false}, {"a/+", "a/#", false}, {"#", "$x", false}, {"$x/#", "$x/y", true}, {"a/b", "a/b", true},
	} {
		if covers(tt.a, tt.b) != tt.want {
			t.Errorf("covers(%q, %q) = %v", tt.a, tt.b, !tt.want)
		}
	}
}

// A SUBSCRIBE is refused only if none of its messages could be delivered.
func TestMaySubscribeIsNotTooStrict(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here runs beside anything else")
	}
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	filter := func() string {
		f := pick("a", "b", "+", "$x")
		if r.IntN(2) == 0 {
			f += "/" + pick("a", "b", "+", "%c")
		}
		return f + pick("", "", "/#")
	}
	for range 2000 {
		var text strings.Builder
		for range 1 + r.IntN(5) {
			fmt.Fprintf(&text, "%s %s %s\n", pick("topic", "pattern"), pick("read", "write", "readwrite", "deny"), filter())
		}
		rights := parseACL(t, text.String()).Rights("", false, "b")
		sub := filter()
		could := false
		for _, n := range names() {
			could = could || n != "" && naive(sub, n) && rights.May(Read, []byte(n))
		}
		if could && !rights.MaySubscribe(sub) {
			t.Fatalf("%s is refused under\n%s", sub, &text)
		}
	}
}

func TestMayAllocatesNothing(t *testing.T) {
	r := parseACL(t, acl).Rights("bob", true, "c")
	name := []byte("clients/c/some/where")
	if n := testing.AllocsPerRun(100, func() { r.May(Read, name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzACL(f *testing.F) {
	f.Add([]byte(acl), "bob", "c", "a/b", "a/+")
	f.Add([]byte("pattern %c%u/#\npattern deny %u\nuser \nuser a"), "%c", "%u", "$x", "#")
	f.Add([]byte("topic a b\n topic read #/\r\n"), "", "", "/", "/")
	f.Fuzz(func(t *testing.T, text []byte, user, id, name, filter string) {
		a, err := ParseACL("file", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "file:") {
				t.Errorf("%v does not say where", err)
			}
			return
		}
		for _, r := range []*Rights{a.Rights(user, true, id), a.Rights("", false, id)} {
			if name != "" && !strings.ContainsAny(name, "+#") && r.May(Read, []byte(name)) && !r.MaySubscribe(name) {
				t.Errorf("%q may be read and not subscribed to", name)
			}
			if !strings.ContainsAny(user+id, "+#") {
				continue
			}
			if n := len(r.patterns); n > 0 && r.barred {
				t.Errorf("%d patterns for a name with a wildcard", n)
			}
			r.MaySubscribe(filter)
		}
	})
}
