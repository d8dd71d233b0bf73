package result

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A Run is one result, read.
type Run struct {
	Dir       string // Where it was read from.
	Manifest  Manifest
	Intervals []Interval
	Events    []Event
	Summary   Summary

	// Complete: the file ended in a summary. Otherwise the run was killed, Summary was computed
	// from the intervals as far as they reach, and Summary.Interrupted is set.
	Complete bool

	// Response and Service hold what was due in the measure phase. Empty if the logs are missing.
	Response, Service *Histogram

	// Warnings are what a reader of the figures should know about the file.
	Warnings []string
}

// ErrNotResult: the file is something else.
var ErrNotResult = errors.New("not an mqttbench result")

// A VersionError: the file was written by a later mqttbench.
type VersionError struct {
	File string
	Got  int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s: a result of version %d; this mqttbench reads up to version %d: use a newer one",
		e.File, e.Got, Version)
}

// maxLine bounds a line of a result file, in bytes: the manifest with its plan is the largest.
const maxLine = 64 << 20

// Read reads a run from its folder, or from the path of its result.jsonl.
//
// A file cut short is read as far as it goes. Anything else that is wrong is an error that names
// the file and the line: half a result must not look like a whole one.
func Read(path string) (*Run, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.IsDir() {
		path = filepath.Join(path, ResultFile)
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: no %s in it", filepath.Dir(path), ErrNotResult, ResultFile)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &Run{Dir: filepath.Dir(path)}
	if err := r.readLines(f, path); err != nil {
		return nil, err
	}
	if r.Response, err = r.readLog(ResponseFile); err != nil {
		return nil, err
	}
	if r.Service, err = r.readLog(ServiceFile); err != nil {
		return nil, err
	}
	if !r.Complete {
		r.reconstruct()
	}
	return r, nil
}

// readLines reads the lines of a result file.
func (r *Run) readLines(in io.Reader, path string) error {
	lines := bufio.NewReaderSize(io.LimitReader(in, 1<<40), 64<<10)
	for n := 1; ; n++ {
		line, cut, err := readLine(lines)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if len(line) == 0 && cut {
			if n == 1 {
				return fmt.Errorf("%s: %w: the file is empty", path, ErrNotResult)
			}
			return nil
		}
		if n == 1 {
			err = r.readManifest(line, path)
		} else {
			err = r.readEntry(line)
		}
		if cut && n > 1 && isSyntax(err) {
			r.warn("the last line is cut short: the run was killed while it was written")
			return nil
		}
		var version *VersionError
		if errors.As(err, &version) {
			return err
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
}

// readLine returns the next line without its line feed; cut if it had none, because the file ends.
func readLine(in *bufio.Reader) (line []byte, cut bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, false, fmt.Errorf("a line of more than %d bytes", maxLine)
		case err == nil:
			return line[:len(line)-1], false, nil
		case errors.Is(err, io.EOF):
			return line, true, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
	}
}

func isSyntax(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax)
}

// readManifest reads the first line. Format and version come before anything else: what a later
// version means by a field is not known here.
func (r *Run) readManifest(line []byte, path string) error {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(line, &head); err != nil || head.Format != Format {
		return fmt.Errorf("%w: the first line does not say \"format\":%q", ErrNotResult, Format)
	}
	if head.Version > Version {
		return &VersionError{File: path, Got: head.Version}
	}
	if head.Version < 1 {
		return fmt.Errorf("version %d, which never was", head.Version)
	}
	return json.Unmarshal(line, &r.Manifest)
}

// readEntry reads one of the other lines.
func (r *Run) readEntry(line []byte) error {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return err
	}
	if r.Complete {
		return fmt.Errorf("a line of type %q after the summary", head.Type)
	}
	switch head.Type {
	case lineInterval:
		var iv Interval
		if err := json.Unmarshal(line, &iv); err != nil {
			return err
		}
		if err := r.checkInterval(&iv); err != nil {
			return err
		}
		r.Intervals = append(r.Intervals, iv)
	case lineEvent:
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		r.Events = append(r.Events, e)
	case lineSummary:
		r.Complete = true
		if err := json.Unmarshal(line, &r.Summary); err != nil {
			return err
		}
		return r.Summary.check()
	case lineManifest:
		return errors.New("a second manifest: two results in one file")
	case "":
		return errors.New(`a line without "type"`)
	default:
		// A later writer of the same version may add kinds of lines; the known ones keep their meaning.
		r.warn(fmt.Sprintf("lines of type %q are not known to this version and were left out", head.Type))
	}
	return nil
}

// warn adds a warning once.
func (r *Run) warn(text string) {
	for _, w := range r.Warnings {
		if w == text {
			return
		}
	}
	r.Warnings = append(r.Warnings, text)
}

// readLog merges what was due in the measure phase. The drain counts: publishing has ended there,
// and to leave out the messages that came late would be to leave out the slowest.
func (r *Run) readLog(name string) (*Histogram, error) {
	f, err := os.Open(filepath.Join(r.Dir, name))
	if errors.Is(err, os.ErrNotExist) {
		r.warn(name + " is missing: no latency curve")
		return new(Histogram), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, truncated, err := readHlog(f, PhaseMeasure, PhaseDrain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if truncated {
		r.warn(name + ": the last line is cut short")
	}
	return h, nil
}
