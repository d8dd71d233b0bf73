package broker

import (
	"flag"
	"sync"
	"testing"
)

// waiting are the tests that called waits, by their name.
var waiting sync.Map

// waits marks a test that spends its time on deadlines of whole seconds and not on the processor: it
// runs beside others of its kind, and so do its drivers and versions, each against a broker of its own.
// Tests that count allocations, descriptors or processor time do not call it, and are over before any
// of those that do goes on.
func waits(t *testing.T) {
	t.Helper()
	waiting.Store(t.Name(), true)
	t.Parallel()
}

// raceless skips, under -short, a test that does much and in which nothing runs at the same time that does not in
// smaller tests: -short is how the race detector runs, which makes it many times slower and finds nothing in it.
func raceless(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("much work, and nothing to race that others do not")
	}
}

// lessIfShort is how often to do what races, but is slow under the race detector.
func lessIfShort(n, short int) int {
	if testing.Short() {
		return short
	}
	return n
}

// sideBySide runs the drivers and versions of a test beside each other, and nothing else beside them: for tests
// that work hard, and would make those late that wait.
func sideBySide(t *testing.T) {
	t.Helper()
	waiting.Store(t.Name(), true)
}

// besideIfWaiting is for the subtests of a test that may have called waits or sideBySide.
func besideIfWaiting(parent, t *testing.T) {
	if _, ok := waiting.Load(parent.Name()); ok {
		t.Parallel()
	}
}

// manyBeside lets more tests run beside each other than there are processors, since they wait, unless
// the command line says how many.
func manyBeside() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		flag.Set("test.parallel", "24")
	}
}
