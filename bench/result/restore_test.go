package result

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestRemovedMeanwhile: a result whose folder was removed while the run went on is there all the same at its end, and whole; what somebody else
// has put in its place is not touched.
func TestRemovedMeanwhile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("what is open cannot be removed there")
	}
	write := func(meanwhile func(dir string)) (dir string, err error) {
		dir = filepath.Join(t.TempDir(), "below", "run")
		w, err := Create(dir, &Manifest{RunID: "r"})
		if err != nil {
			t.Fatal(err)
		}
		w.Event(&Event{Kind: EventNote, Name: "before"})
		meanwhile(dir)
		w.Event(&Event{Kind: EventNote, Name: "after"})
		return dir, w.Close(&Summary{Outcome: Kept})
	}
	dir, err := write(func(dir string) { os.RemoveAll(filepath.Dir(dir)) })
	if err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil || !r.Complete || len(r.Events) != 2 || r.Manifest.RunID != "r" {
		t.Errorf("%+v, %v", r, err)
	}
	dir, err = write(func(dir string) {
		os.Remove(filepath.Join(dir, ResultFile))
		os.WriteFile(filepath.Join(dir, ResultFile), []byte("mine"), 0o644)
	})
	if text, _ := os.ReadFile(filepath.Join(dir, ResultFile)); err == nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}
