package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/profile"
	"mqttbench/bench/report"
	"mqttbench/bench/result"
	"mqttbench/bench/strict"
	workloads "mqttbench/profiles"
)

// shipped reads a profile that comes with the program.
func shipped(name string) (*profile.Profile, error) {
	text, ok := workloads.Text(name)
	if !ok {
		return nil, fmt.Errorf("there is no profile %q%s; mqttbench profiles lists them", name, strict.DidYouMean(name, workloads.Names()))
	}
	return profile.Read(name+".yaml", text, shipped)
}

// loadProfile finds NAME, NAME/VARIANT, FILE.yaml or FILE.yaml/VARIANT.
func loadProfile(what string) (p *profile.Profile, variant string, err error) {
	for _, suffix := range []string{".yaml", ".yml"} {
		file, rest, isFile := strings.Cut(what+"/", suffix+"/")
		if !isFile {
			continue
		}
		file += suffix
		text, err := readFile(file)
		if err != nil {
			return nil, "", fmt.Errorf("the profile cannot be read: %w", err)
		}
		p, err := profile.Read(file, text, shipped)
		return p, strings.TrimSuffix(rest, "/"), err
	}
	name, variant, _ := strings.Cut(what, "/")
	p, err = shipped(name)
	return p, variant, err
}

// readFile reads a file that is no longer than a profile may be, and a byte of what is beyond.
func readFile(name string) ([]byte, error) {
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // Opening a named pipe would wait for somebody to write.
		return nil, fmt.Errorf("%s is no file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, strict.MaxSize+1))
}

// useProfile puts the profile that is asked for, if one is, under the flags: what was typed has the last word. It is an error of
// type *family if there are several workloads in it and none was chosen.
func (s *settings) useProfile(f *pflag.FlagSet) error {
	what := s.profile
	switch {
	case f.NArg() > 1 || f.NArg() == 1 && what != "":
		return fmt.Errorf("unexpected argument %q; see mqttbench --help", f.Arg(f.NArg()-1))
	case f.NArg() == 1:
		what = f.Arg(0)
	}
	if what == "" {
		return nil
	}
	p, variant, err := loadProfile(what)
	if err != nil {
		return err
	}
	if s.member != "" {
		variant, s.out = s.member, filepath.Join(s.familyDir, s.member)
	}
	if variant == "" && len(p.Variants) > 0 {
		return &family{p, what}
	}
	all, err := p.Of(variant)
	if err != nil {
		return err
	}
	s.profile = strings.TrimSuffix(p.Name+"/"+variant, "/")
	var typed []string
	f.Visit(func(flag *pflag.Flag) { typed = append(typed, flag.Name) })
	places := p.PlacesOf(variant)
	for _, x := range all.Under(typed) {
		if err := f.Set(x.Flag, x.Value); err != nil {
			return fmt.Errorf("%s: %w", cmp.Or(string(places[x.Flag]), "profile "+s.profile), err)
		}
	}
	s.places = places
	for _, t := range typed {
		delete(s.places, t)
	}
	return nil
}

// placed puts before a complaint about flags where the first of those that it names is in the file of the user's that says it, or the file, if
// it names none at all.
func (s *settings) placed(err error) error {
	if err == nil || len(s.places) == 0 {
		return err
	}
	named := namedFlag.FindAllStringSubmatch(err.Error(), -1)
	for _, m := range named {
		if at, ok := s.places[m[1]]; ok {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	if len(named) == 0 {
		return fmt.Errorf("profile %s: %w", s.profile, err)
	}
	return err
}

var namedFlag = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)

// A family is a profile with several workloads.
type family struct {
	profile *profile.Profile
	what    string // As the user called it.
}

func (m *family) Error() string {
	names := make([]string, len(m.profile.Variants))
	for i := range names {
		names[i] = m.what + "/" + m.profile.Variants[i].Name
	}
	return fmt.Sprintf("profile %s is several workloads; choose one: %s", m.profile.Name, strings.Join(names, ", "))
}

// An index says what is in the folder of a family.
type index struct {
	Profile string   `json:"profile"`
	Runs    []member `json:"runs"`
}

const indexFile = "index.json"

// A member is a workload of a family, carried out.
type member struct {
	Variant  string          `json:"variant"`
	Dir      string          `json:"dir"`                // Below the index.
	Outcome  result.Outcome  `json:"outcome,omitempty"`  // "": the folder has several results, or none.
	Validity result.Validity `json:"validity,omitempty"` //
	ExitCode int             `json:"exit_code"`
}

// carryOut carries out all workloads of a family, one after the other, each in a folder of its own below one that has an
// index. All are checked before the first begins.
func (m *family) carryOut(ctx context.Context, args []string, out string, stdout, stderr io.Writer, more []func(*pflag.FlagSet)) error {
	if out == "" {
		out = filepath.Join("results", time.Now().UTC().Format("20060102-150405")+"-"+m.profile.Name)
	}
	for _, v := range m.profile.Variants {
		s := settings{member: v.Name, familyDir: out}
		if _, err := s.parse(args, more...); err != nil {
			return inputError{fmt.Errorf("%s/%s: %w", m.profile.Name, v.Name, err)}
		}
	}
	if entries, _ := os.ReadDir(out); len(entries) > 0 {
		return inputError{fmt.Errorf("--out %s holds something already; a profile of several workloads needs a folder of its own", out)}
	}
	list := index{Profile: m.profile.Name}
	code := exitKept
	for i, v := range m.profile.Variants {
		fmt.Fprintf(stderr, "%s/%s, %d of %d, into %s\n", m.profile.Name, v.Name, i+1, len(m.profile.Variants), filepath.Join(out, v.Name))
		s := settings{member: v.Name, familyDir: out}
		err := s.carryOut(ctx, args, stdout, stderr, more...)
		var exit exitError
		if err != nil && !errors.As(err, &exit) {
			os.Remove(out) // If it is empty.
			return err
		}
		code = worse(code, int(exit))
		list.Runs = append(list.Runs, newMember(out, v.Name, int(exit)))
		if err := list.write(out); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	f, err := readFamily(out)
	if err != nil {
		fmt.Fprintf(stderr, "mqttbench: the page of %s: %v\n", m.profile.Name, err)
	} else if f.Several() && oneBroker(f) {
		s := settings{member: m.profile.Variants[0].Name, familyDir: out}
		if _, err := s.parse(args, more...); err == nil && !s.json && s.format == "table" {
			if err := showFamily(f, filepath.Join(out, report.ReportFile), s.format, stdout); err != nil {
				fmt.Fprintf(stderr, "mqttbench: the page of %s: %v\n", m.profile.Name, err)
			}
		}
	}
	if code != exitKept {
		return exitError(code)
	}
	return nil
}

func newMember(out, variant string, code int) member {
	m := member{Variant: variant, Dir: variant, ExitCode: code}
	if r, err := result.Read(filepath.Join(out, variant)); err == nil {
		m.Outcome, m.Validity = r.Summary.Outcome, r.Summary.Validity
	}
	return m
}

// write writes the index anew after each run, so that it is there when a later one is killed.
func (x *index) write(dir string) error {
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, indexFile), append(text, '\n'), 0o644)
}

const profilesUsage = `mqttbench profiles - workloads as files

SYNOPSIS
  mqttbench profiles                 list those that come with mqttbench
  mqttbench profiles NAME            print one: a file to copy and change
  mqttbench profiles --schema        print the JSON Schema of such files, for editors

  mqttbench run NAME [FLAGS]         carry it out; flags have the last word. Of several workloads, all, one after the other
  mqttbench run NAME/VARIANT         or one of them
  mqttbench run FILE.yaml            a file of yours, which may change one that comes with mqttbench (extends: NAME)
`

// profilesCommand lists and prints profiles.
func profilesCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	var text string
	switch {
	case wants(args, "--help", "-h"):
		text = profilesUsage
	case wants(args, "--schema"):
		text = string(workloads.Schema)
	case len(args) > 1:
		return inputError{fmt.Errorf("unexpected argument %q; mqttbench profiles takes one name", args[1])}
	case len(args) == 1:
		if _, err := shipped(args[0]); err != nil {
			return inputError{err}
		}
		yaml, _ := workloads.Text(args[0])
		text = string(yaml)
	default:
		var err error
		if text, err = listing(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(stdout, text)
	return err
}

func listing() (string, error) {
	var b strings.Builder
	for _, name := range workloads.Names() {
		p, err := shipped(name)
		if err != nil {
			return "", err
		}
		line := p.Summary()
		if n := len(p.Variants); n > 0 {
			line += fmt.Sprintf(" (%d variants)", n)
		}
		fmt.Fprintf(&b, "%-22s %s\n", name, line)
	}
	return b.String(), nil
}
