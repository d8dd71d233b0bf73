package result

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An archive is many runs in one file: a tar, compressed, with the raw files of each run in a folder of its own. It is what is
// published: three hundred runs are four thousand files otherwise. The same runs make the same bytes.

// ArchiveSuffix ends the name of an archive.
const ArchiveSuffix = ".tar.gz"

// archived are the files of a run that an archive holds; charts can be drawn again from them.
var archived = []string{ResultFile, ResponseFile, ServiceFile}

const (
	mostMember  = 256 << 20 // Bytes of one file of an archive: a bomb is refused.
	mostMembers = 100_000
)

// WriteArchive packs the runs in the folders below dir into file, which appears complete or not at all. It returns how many
// there are; none is an error.
func WriteArchive(file, dir string) (runs int, err error) {
	folders, err := Folders(dir)
	if err != nil {
		return 0, err
	}
	if len(folders) == 0 {
		return 0, fmt.Errorf("%s: %w: no folder in it has a %s", dir, ErrNotResult, ResultFile)
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	t := tar.NewWriter(z)
	// By the kind of file first: what is alike lies close together, and compresses the better for it.
	for _, name := range archived {
		for _, folder := range folders {
			relative, err := filepath.Rel(dir, folder)
			if err != nil {
				return 0, err
			}
			if err := addMember(t, filepath.Join(folder, name), path.Join(filepath.ToSlash(relative), name)); err != nil {
				return 0, err
			}
		}
	}
	if err := errors.Join(t.Close(), z.Close(), os.MkdirAll(filepath.Dir(file), 0o755)); err != nil {
		return 0, err
	}
	return len(folders), WriteFile(file, b.Bytes())
}

// addMember adds a file, if there is one.
func addMember(t *tar.Writer, from, name string) error {
	data, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// No time and no owner: they would make other bytes of the same runs.
	head := tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := t.WriteHeader(&head); err != nil {
		return err
	}
	_, err = t.Write(data)
	return err
}

// Folders are the folders of runs in dir and below, in order.
func Folders(dir string) (all []string, err error) {
	err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasSuffix(d.Name(), ".cut") {
			return filepath.SkipDir // Put aside: another run took its place.
		}
		if !d.IsDir() && d.Name() == ResultFile {
			all = append(all, filepath.Dir(p))
		}
		return nil
	})
	slices.Sort(all)
	return all, err
}

// ReadArchive reads the runs of an archive, in the order of their folders.
func ReadArchive(file string) (runs []*Run, err error) {
	members, err := readMembers(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var folders []string
	for name := range members {
		if path.Base(name) == ResultFile {
			folders = append(folders, path.Dir(name))
		}
	}
	if folders == nil {
		return nil, fmt.Errorf("%s: %w: no %s in it", file, ErrNotResult, ResultFile)
	}
	slices.Sort(folders)
	for _, folder := range folders {
		r, err := readMember(file, folder, members)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

func readMembers(file string) (map[string][]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	members := map[string][]byte{}
	for t := tar.NewReader(z); ; {
		head, err := t.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		if head.Typeflag != tar.TypeReg || !slices.Contains(archived, path.Base(head.Name)) {
			continue
		}
		if head.Size > mostMember || len(members) >= mostMembers {
			return nil, fmt.Errorf("%s: too large for a result", head.Name)
		}
		if members[head.Name], err = io.ReadAll(t); err != nil {
			return nil, err
		}
	}
}

// readMember reads one run, as Read does from a folder.
func readMember(file, folder string, members map[string][]byte) (*Run, error) {
	r := &Run{Dir: path.Join(filepath.ToSlash(file), folder)}
	if err := r.readLines(bytes.NewReader(members[path.Join(folder, ResultFile)]), path.Join(r.Dir, ResultFile)); err != nil {
		return nil, err
	}
	for _, log := range []struct {
		name string
		to   **Histogram
	}{{ResponseFile, &r.Response}, {ServiceFile, &r.Service}} {
		data, ok := members[path.Join(folder, log.name)]
		if !ok {
			r.warn(log.name + " is missing: no latency curve")
		}
		h, truncated, err := readHlog(bytes.NewReader(data), PhaseMeasure, PhaseDrain)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Join(r.Dir, log.name), err)
		}
		if truncated {
			r.warn(log.name + ": the last line is cut short")
		}
		*log.to = h
	}
	if !r.Complete {
		r.reconstruct()
	}
	return r, nil
}
