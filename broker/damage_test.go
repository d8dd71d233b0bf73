package broker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/store"
)

// damaged is the data directory of a broker that was killed when it had acknowledged n messages to the session
// of "sub", one batch each.
func damaged(t *testing.T, n int) string {
	t.Helper()
	f := newLife(t)
	f.connect(packet.V311, "sub", resume).subscribe("t", 1)
	f.connect(packet.V311, "sub", resume).leave()
	pub := f.connect(packet.V311, "pub")
	for i := range n {
		pub.publish("t", fmt.Sprint(i, " ", strings.Repeat(".", 200)), 1)
	}
	f.v.kill()
	return f.v.dir
}

func newestLog(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "db", "*.log"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no log in %s: %v", dir, err)
	}
	return slices.Max(names)
}

// startOn starts a broker on a directory, and returns what it logs.
func startOn(t *testing.T, dir string, accept bool) (s *Server, log *bytes.Buffer, err error) {
	t.Helper()
	log = new(bytes.Buffer)
	s, err = New(Options{
		Listen: []string{"tcp://127.0.0.1:0"}, Loops: 1, DataDir: dir, Sync: store.OS, AcceptLoss: accept,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, log, s.Start()
}

// TestDamagedDataDir cuts the log of a broker, and flips bits in it. A broker does not start on what is left before somebody
// has accepted the loss. Then it says how much is gone, and delivers what is there: the first so many, in order.
func TestDamagedDataDir(t *testing.T) {
	t.Parallel()
	const messages = 200
	original := damaged(t, messages)
	text, err := os.ReadFile(newestLog(t, original))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(text)
	flipped[len(flipped)/2] ^= 1
	for name, spoilt := range map[string][]byte{
		"the last byte is gone": text[:len(text)-1],
		"half of it is gone":    text[:len(text)/2],
		"all of it is gone":     nil,
		"a bit was flipped":     flipped,
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
				t.Fatal(err)
			}
			path := newestLog(t, dir)
			if err := os.WriteFile(path, spoilt, 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := startOn(t, dir, false)
			var loss *store.LossError
			var damage *store.DamageError
			if !errors.As(err, &loss) && !errors.As(err, &damage) || !strings.Contains(err.Error(), dir) {
				t.Fatalf("started, or: %v", err)
			}
			if kept, err := os.ReadFile(path); err != nil { // It has been read as far as it makes sense.
				names, _ := filepath.Glob(filepath.Join(dir, "damaged-*.log"))
				if len(names) == 1 {
					kept, err = os.ReadFile(names[0])
				}
				if err != nil || !bytes.Equal(kept, spoilt) {
					t.Errorf("the log is gone, and nobody has accepted that: %v", err)
				}
			}

			s, log, err := startOn(t, dir, true)
			if err != nil {
				t.Fatal(err)
			}
			b := &bench{s, t}
			sub := b.connect(packet.V311, "sub", resume)
			got := 0
			if sub.connack.SessionPresent {
				for sub.send(packet.AppendPing(nil, packet.PINGREQ)); ; got++ {
					f, ok := sub.read()
					if !ok || f.Type == packet.PINGRESP {
						break
					}
					var m packet.Publish
					if err := m.Decode(sub.version, f.Flags, f.Body); err != nil || !strings.HasPrefix(string(m.Payload), fmt.Sprint(got, " ")) {
						t.Fatalf("got %.10q, want %d: %v", m.Payload, got, err)
					}
				}
			}
			if got >= messages {
				t.Errorf("%d messages, as if nothing had happened", got)
			}
			if !strings.Contains(log.String(), "acknowledged messages may be lost") {
				t.Errorf("it says nothing of the loss: %s", log)
			}
			t.Logf("%d of %d are there; %v", got, messages, err)
		})
	}
}

// A directory that cannot be written to is an error of Start.
func TestUnwritableDataDir(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Create(filepath.Join(dir, "probe")); err == nil {
		f.Close()
		os.Remove(f.Name())
		dir = "/proc/self" // We may write everywhere, but not there.
		if _, err := os.Stat(dir); err != nil {
			t.Skip("this user may write everywhere")
		}
		dir = filepath.Join(dir, "data")
	}
	_, _, err := startOn(t, dir, false)
	if err == nil || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// A directory of a newer version is left as it is.
func TestNewerDataDir(t *testing.T) {
	dir := t.TempDir()
	version := filepath.Join(dir, "VERSION")
	if err := os.WriteFile(version, []byte("mqttbench store 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := startOn(t, dir, true)
	var newer *store.VersionError
	if !errors.As(err, &newer) || newer.Found != 2 || !strings.Contains(err.Error(), "newer") {
		t.Errorf("%v", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("it was written to: %v", names)
	}
}
