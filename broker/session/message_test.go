package session

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"mqttbench/broker/packet"
)

// Every test of the package runs with scribbling, so that a slice kept too long reads
// nonsense.
func TestMain(m *testing.M) {
	scribble = true
	os.Exit(m.Run())
}

func TestMessageIsACopy(t *testing.T) {
	topic, props, payload := []byte("a/b"), packet.Props{1, 1}, []byte("payload")
	m := NewMessage(topic, props, payload, 2, 77)
	for _, b := range [][]byte{topic, props, payload} {
		clear(b)
	}
	if string(m.Topic) != "a/b" || !bytes.Equal(m.Props, []byte{1, 1}) || string(m.Payload) != "payload" || m.QoS != 2 || m.Expires != 77 {
		t.Errorf("got %q %v %q QoS %d expires %d", m.Topic, m.Props, m.Payload, m.QoS, m.Expires)
	}
	if m.Size() != 12 {
		t.Errorf("size %d, want 12", m.Size())
	}
	// The parts are neighbours; an append to one must move it, not write into the
	// next.
	_, _ = append(m.Topic, 'X'), append(m.Props, 'X')
	if string(m.Payload) != "payload" || !bytes.Equal(m.Props, []byte{1, 1}) {
		t.Error("an append ran into the neighbour")
	}
	m.Release()
}

func TestMessageOfEverySize(t *testing.T) {
	for size := 0; size < largestBlock*2; size += 61 + size/8 {
		payload := bytes.Repeat([]byte{byte(size)}, size)
		m := NewMessage([]byte("t"), nil, payload, 1, 0)
		if !bytes.Equal(m.Payload, payload) || string(m.Topic) != "t" {
			t.Fatalf("size %d is not what was put in", size)
		}
		pooled := m.class != unpooled
		if want := size+1+overhead <= largestBlock; pooled != want {
			t.Fatalf("size %d: pooled %v, want %v", size, pooled, want)
		}
		if pooled && m.class > 0 && size+1+overhead <= smallestBlock<<(m.class-1) {
			t.Fatalf("size %d: a smaller block than class %d was enough", size, m.class)
		}
		m.Release()
	}
}

func TestReleasedBytesAreScribbledOver(t *testing.T) {
	for _, size := range []int{10, 2 * largestBlock} {
		m := NewMessage([]byte("name"), nil, make([]byte, size), 1, 0)
		topic, payload := m.Topic, m.Payload
		m.Hold()
		m.Release()
		if topic[0] != 'n' || payload[0] != 0 {
			t.Fatal("scribbled over while a reference was held")
		}
		m.Release()
		if topic[0] != scribbled || payload[size-1] != scribbled {
			t.Error("a use after the last release is not seen")
		}
	}
}

func TestReferencesArePaired(t *testing.T) {
	panics := func(what string, f func(*Message)) {
		t.Helper()
		defer func() {
			if s, _ := recover().(string); !strings.Contains(s, what) {
				t.Errorf("panic %q, want one about %q", s, what)
			}
		}()
		m := NewMessage(nil, nil, make([]byte, 2*largestBlock), 1, 0) // Not pooled: it stays ours.
		m.Release()
		f(m)
	}
	panics("released more often", (*Message).Release)
	panics("held after", (*Message).Hold)
}
