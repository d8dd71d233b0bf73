package journal

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"mqttbench/broker/session"
	"mqttbench/broker/store"
)

var (
	_ Batch = (*store.Batch)(nil)
	_ Batch = memory{}
)

// A memory is the naive store: what a scan after the last batch would see. It holds its users to the rule of
// DeleteOnce.
type memory map[string]string

func (m memory) Set(key, value []byte) { m[string(key)] = string(value) }
func (m memory) Delete(key []byte)     { delete(m, string(key)) }

func (m memory) DeleteOnce(key []byte) {
	if _, ok := m[string(key)]; !ok {
		panic("DeleteOnce of a key that is absent: " + string(key))
	}
	delete(m, string(key))
}

func (m memory) DeletePrefix(prefix []byte) {
	maps.DeleteFunc(m, func(k, _ string) bool { return strings.HasPrefix(k, string(prefix)) })
}

const second = 1_000_000_000

// wallNow and clockNow are the same instant.
const wallNow, clockNow = 1_700_000_000 * second, 5 * second

// read recovers from all keys in order.
func (m memory) read() (*Recovered, error) {
	r := NewRecovery(session.Limits{}, wallNow, clockNow)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		// Lent: what was kept is broken by the next record.
		key, value := []byte(k), []byte(m[k])
		err := r.Add(key, value)
		scribble(key)
		scribble(value)
		if err != nil {
			return nil, err
		}
	}
	return r.Finish()
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xFD
	}
}

func (m memory) mustRead(t testing.TB) *Recovered {
	t.Helper()
	out, err := m.read()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
