package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// killedCopy is the directory of a store that was killed after n batches, all of them reported.
func killedCopy(t *testing.T, n uint64) string {
	t.Helper()
	dir := scratch(t)
	s := mustOpen(t, dir, Options{Sync: OS})
	defer mustClose(t, s)
	var b Batch
	for i := range n {
		b.Reset()
		deed(i + 1).encode(&b)
		s.Append(&b)
		if i%10 == 0 {
			mustFlush(t, s) // Many records in the log.
		}
	}
	mustFlush(t, s)
	return copyOf(t, dir)
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(scratch(t), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// glob returns the one file, or the greatest name of several.
func glob(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s in %s: %v", pattern, dir, err)
	}
	return slices.Max(names)
}

func contentAfter(n uint64) map[string]string {
	var m model
	m.advance(n)
	return m.content
}

func TestLogIsCut(t *testing.T) {
	t.Parallel()
	const n = 200
	killed := killedCopy(t, n)
	size := fileSize(t, glob(t, killed, "db/*.log"))
	for cut := size - 1; cut >= 0; cut -= max(1, size/23) {
		dir := copyOf(t, killed)
		if err := os.Truncate(glob(t, dir, "db/*.log"), cut); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, Options{Sync: OS})
		var loss *LossError
		if !errors.As(err, &loss) || loss.Reported != n || loss.Recovered >= n {
			t.Fatalf("cut to %d of %d bytes: %v", cut, size, err)
		}
		if kept := fileSize(t, glob(t, dir, "damaged-*.log")); kept != cut {
			t.Errorf("%d bytes of the log were kept, of %d", kept, cut)
		}
		s := mustOpen(t, dir, Options{Sync: OS, AcceptLoss: true})
		if r := s.Recovery(); r.Lost != n-loss.Recovered || r.Recovered != loss.Recovered {
			t.Errorf("%v, but then %+v", err, r)
		}
		if diff := cmp.Diff(contentAfter(loss.Recovered), contents(t, s)); diff != "" {
			t.Errorf("after %d: %s", loss.Recovered, diff)
		}
		if next := appendSet(s, "next", ""); next <= n {
			t.Errorf("number %d was given before the loss", next)
		}
		mustClose(t, s)
		s = mustOpen(t, dir, Options{Sync: OS}) // The loss was accepted once, and for all.
		mustClose(t, s)
	}
}

// TestLogIsSpoilt has a record in the middle that cannot be read, and good ones behind it: they go too, for
// what is left must be what some first batches did.
func TestLogIsSpoilt(t *testing.T) {
	t.Parallel()
	const n = 2000 // Some blocks of the log: one that is bad cannot be its end.
	dir := killedCopy(t, n)
	log := glob(t, dir, "db/*.log")
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	whole := string(b)
	b[len(b)/2] ^= 1
	if err := os.WriteFile(log, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, Options{Sync: OS})
	var damage *DamageError
	if !errors.As(err, &damage) {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(log); string(got) != string(b) {
		t.Error("the log was changed, and nobody has accepted that")
	}
	s := mustOpen(t, dir, Options{Sync: OS, AcceptLoss: true})
	r := s.Recovery()
	if r.Recovered < n/10 || r.Recovered > n*9/10 || r.Lost != n-r.Recovered || r.Cut == 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(contentAfter(r.Recovered), contents(t, s)); diff != "" {
		t.Error(diff)
	}
	mustClose(t, s)
	if kept, _ := os.ReadFile(glob(t, dir, "damaged-*")); len(kept) != len(whole) {
		t.Errorf("%d bytes of the damaged log were kept, of %d", len(kept), len(whole))
	}
	mustClose(t, mustOpen(t, dir, Options{Sync: OS}))
}

// TestHalfARecord is what kill -9 leaves behind: the end of the log belongs to a
// group that nobody was told of.
func TestHalfARecord(t *testing.T) {
	t.Parallel()
	killed := killedCopy(t, 100)
	log := glob(t, killed, "db/*.log")
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The head of a record of 40 bytes, and some of them.
	if _, err := f.Write([]byte{1, 2, 3, 4, 40, 0, 9, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s := mustOpen(t, killed, Options{Sync: OS})
	defer mustClose(t, s)
	if r := s.Recovery(); r.Lost != 0 || r.Recovered != 100 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(contentAfter(100), contents(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestFlippedBits changes one bit in every file of a store, at many places. Whatever
// happens: all is there, or Open or Scan says what is wrong.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	const n = 150
	killed := killedCopy(t, n)
	closed := copyOf(t, killed)
	mustClose(t, mustOpen(t, closed, Options{Sync: OS})) // Has tables.
	outcomes := map[string]int{}
	for _, from := range []string{killed, closed} {
		err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			size := fileSize(t, path)
			places := int64(5)
			if testing.Short() {
				places = 2
			}
			for at := int64(0); at < size; at += max(1, size/places) {
				rel, _ := filepath.Rel(from, path)
				outcomes[filepath.Ext(rel)+" "+flip(t, from, rel, at, n)]++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for what, times := range outcomes {
		t.Logf("%3d x %s", times, what)
	}
	if outcomes[".log loss"]+outcomes[".log damage"] == 0 || outcomes[".sst damage"] == 0 {
		t.Error("no damage was noticed in log or table: nothing was tested")
	}
}

// flip flips a bit in a copy, and says what came of it.
func flip(t *testing.T, from, name string, at int64, n uint64) string {
	t.Helper()
	dir := copyOf(t, from)
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0x10
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{Sync: OS})
	if err != nil {
		return nameOf(t, name, at, err)
	}
	got := map[string]string{}
	err = s.Scan(nil, func(k, v []byte) error {
		got[string(k)] = string(v)
		return nil
	})
	if err != nil {
		<-s.done
		<-s.watched
		s.running.Store(false) // The scan has stopped the store, but only reading is broken.
		s.release()
		return nameOf(t, name, at, err)
	}
	defer mustClose(t, s)
	if !cmp.Equal(contentAfter(n), got) {
		t.Errorf("bit flipped in %s at %d: the content is wrong, and nobody says so", name, at)
	}
	return "nothing"
}

func nameOf(t *testing.T, name string, at int64, err error) string {
	t.Helper()
	var damage *DamageError
	var loss *LossError
	var version *VersionError
	switch {
	case errors.As(err, &damage):
		return "damage"
	case errors.As(err, &loss):
		return "loss"
	case errors.As(err, &version):
		return "version"
	}
	t.Errorf("bit flipped in %s at %d: %v", name, at, err)
	return "other"
}

func TestMissingFiles(t *testing.T) {
	t.Parallel()
	killed := killedCopy(t, 50)
	closed := copyOf(t, killed)
	mustClose(t, mustOpen(t, closed, Options{Sync: OS}))
	for _, c := range []struct{ from, pattern string }{
		{killed, "db/*.log"},
		{closed, "db/*.sst"},
		{closed, "db/MANIFEST*"},
		{closed, "db"},
	} {
		dir := copyOf(t, c.from)
		if err := os.RemoveAll(glob(t, dir, c.pattern)); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, Options{Sync: OS})
		if err == nil {
			t.Errorf("without %s: opened", c.pattern)
			continue
		}
		t.Log(err)
		nameOf(t, c.pattern, 0, err)
	}
}

func TestDirectoriesThatWillNotDo(t *testing.T) {
	open := func(dir string) error {
		s, err := Open(dir, Options{})
		if err == nil {
			mustClose(t, s)
		}
		return err
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(filepath.Join(file, "below")); err == nil {
		t.Error("below a file: opened")
	}
	if err := open(dir); !errors.Is(err, ErrForeign) {
		t.Errorf("somebody else's directory: %v", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("it was written to: %v", names)
	}

	dir = t.TempDir()
	if err := open(dir); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	version := filepath.Join(dir, versionFile)
	if err := os.WriteFile(version, []byte("mqttbench store 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var newer *VersionError
	if err := open(dir); !errors.As(err, &newer) || newer.Found != 2 {
		t.Errorf("a newer version: %v", err)
	}
	if err := os.WriteFile(version, []byte("mqttbench store 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Errorf("a newer version's directory was changed: %s", diff)
	}
	if err := os.WriteFile(version, []byte("???"), 0o600); err != nil {
		t.Fatal(err)
	}
	var damage *DamageError
	if err := open(dir); !errors.As(err, &damage) {
		t.Errorf("an unreadable version: %v", err)
	}
}

// TestReadOnly needs a file system that refuses, even root.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustClose(t, mustOpen(t, dir, Options{}))
	for _, where := range []string{dir, filepath.Join(dir, "new")} {
		_, err := Open(where, Options{fs: newBadFS("*", 0, errReadOnly)})
		if !errors.Is(err, errReadOnly) {
			t.Errorf("%s: %v", where, err)
		}
	}
	mustClose(t, mustOpen(t, dir, Options{})) // Nothing has happened to it, and it is not locked.
}

func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, fmt.Sprint(path, " ", fileSize(t, path)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("open in this process: %v", err)
	}
	mustClose(t, s)

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=hold "+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("open in another process: %v", err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	mustClose(t, mustOpen(t, dir, Options{}))
}

func holdLock(dir string) int {
	s, err := Open(dir, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Close(); err != nil {
		return 1
	}
	return 0
}

// TestDiskFails breaks one kind of file in one way in a process of its own (a
// failed store is left as it is, and so are pebble's goroutines), and looks at what that
// process says and at what it leaves.
func TestDiskFails(t *testing.T) {
	for _, name := range []string{
		"log-full", "log-sync", "log-sync-os", "log-create", "table-full", "table-sync", "manifest-full", "mark-full",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustFail(t, name, scratch(t))
		})
	}
}

func mustFail(t *testing.T, name, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=fail "+name+" "+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	last := out[strings.LastIndexByte(strings.TrimSpace(string(out)), '\n')+1:]
	reported, err := strconv.ParseUint(strings.TrimSpace(string(last)), 10, 64)
	if err != nil {
		t.Fatalf("%s", out)
	}
	t.Logf("%s", out)
	_ = os.Remove(filepath.Join(dir, ballast))
	s := mustOpen(t, dir, small(OS))
	defer mustClose(t, s)
	if r := s.Recovery(); r.Recovered < reported || reported < 20 {
		t.Errorf("%d was reported, %+v", reported, r)
	}
	if diff := cmp.Diff(contentAfter(s.Recovery().Recovered), contents(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestDiskIsFull fills a real, small file system. It needs the right to mount one.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=3m", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	}()
	in := filepath.Join(dir, "data")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	mustFail(t, "really-full", in)
}

// ballast is a file to be removed when the disk is to have room again.
const ballast = "../ballast"

// failOn writes until the store fails, checks how it fails, and prints the last number reported.
func failOn(name, dir string) int {
	o := small(Fsync)
	switch name {
	case "log-full":
		o.fs = newBadFS("*.log", 100_000, errFull)
	case "log-sync":
		o.fs = newBadFS("*.log", syncs+100, errIO)
	case "log-sync-os": // The log is not synced, but the tables are.
		o = small(OS)
		o.fs = newBadFS("*", syncs+30, errIO)
	case "log-create":
		o.fs = newBadFS("*.log", creates+3, errFull)
	case "table-full":
		o.fs = newBadFS("*.sst", 50_000, errFull)
	case "table-sync":
		o.fs = newBadFS("*.sst", syncs+4, errIO)
	case "manifest-full":
		o.fs = newBadFS("MANIFEST*", 1000, errFull)
	case "mark-full":
		o.fs = newBadFS(markFile, 5000, errFull)
	case "really-full":
		o = Options{Sync: Fsync} // The log grows and grows.
		if err := os.WriteFile(filepath.Join(dir, ballast), make([]byte, 1<<20), 0o600); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	s, err := Open(dir, o)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return writeUntilFailed(s)
}

func writeUntilFailed(s *Store) int {
	type report struct {
		n   uint64
		err error
	}
	reports := make(chan report, 1<<20)
	s.Subscribe(func(n uint64, err error) { reports <- report{n, err} })
	var b Batch
	for n := uint64(1); s.Err() == nil; n++ {
		b.Reset()
		deed(n).encode(&b)
		s.Append(&b)
		if n > 500_000 {
			fmt.Println("it did not fail")
			return 1
		}
		if n%8 == 0 {
			for r := range reports { // One group at a time, so that there are many.
				if r.err != nil {
					reports <- r
					break
				}
				if r.n >= n {
					break
				}
			}
		}
	}
	durable := s.Durable()
	err := s.Close()
	fmt.Println("Close:", err)
	_, pressure := s.Append(&b)
	failures := 0
	close(reports)
	for r := range reports {
		if r.err != nil {
			failures++
		} else if failures > 0 {
			fmt.Println("success was reported after the error")
			return 1
		}
	}
	if err == nil || !pressure || failures != 1 || s.Durable() < durable {
		fmt.Printf("Close %v, pressure %v, told %d times\n", err, pressure, failures)
		return 1
	}
	fmt.Println(s.Durable())
	return 0
}
