package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// documents are the texts that people read, by their path from the root; the tables that are generated are not among them.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "bench/*.md", "broker/*.md", "cmd/*/*.md", "profiles/*.md", "results/*.md"} {
		found, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[strings.TrimPrefix(filepath.ToSlash(name), "../../")] = string(text)
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d documents", len(all))
	}
	return all
}

var (
	aLink = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	code  = regexp.MustCompile("(?m)`([^`\n]+)`|^    (.+)$")
	aPath = regexp.MustCompile(`(?:^|\s|\./|mqttbench/)((?:bench|broker|cmd|profiles|results)/[\w./-]*\w)`)
	aFile = regexp.MustCompile(`^[\w/-]+\.(?:go|md)$`)
	aFlag = regexp.MustCompile(`(?:^|[\s\[(])--([a-z][a-z0-9-]*)`)
)

// TestDocumentsNameWhatThereIs: links lead somewhere, and folders, files and packages that are named exist.
func TestDocumentsNameWhatThereIs(t *testing.T) {
	t.Parallel()
	exists := func(name string) bool {
		_, err := os.Stat("../../" + name)
		return err == nil
	}
	files := map[string]bool{}
	for _, top := range []string{"bench", "broker", "cmd", "profiles", "results"} {
		filepath.WalkDir("../../"+top, func(name string, _ os.DirEntry, _ error) error {
			files[filepath.Base(name)] = true
			return nil
		})
	}
	for name, text := range documents(t) {
		for _, m := range aLink.FindAllStringSubmatch(text, -1) {
			if !exists(path.Join(path.Dir(name), m[1])) {
				t.Errorf("%s: the link to %s leads nowhere", name, m[1])
			}
		}
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			for _, found := range aPath.FindAllStringSubmatch(m[1]+m[2], -1) {
				p := found[1]
				if !strings.HasPrefix(p, "results/mine") && !strings.HasPrefix(p, "results/one") && !strings.HasPrefix(p, "results/another") && !exists(p) {
					t.Errorf("%s: there is no %s", name, p)
				}
			}
			if aFile.MatchString(m[1]) && !files[path.Base(m[1])] && !exists(m[1]) {
				t.Errorf("%s: there is no file %s", name, m[1])
			}
		}
	}
}

// elsewhere are flags of other programs, in commands that start them.
var elsewhere = []string{"network", "rm", "conf", "config-file", "port", "data"}

// TestDocumentsNameFlagsThereAre: a flag in a document is one of a command's help, of mqttbroker, or of a script in results.
func TestDocumentsNameFlagsThereAre(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, m := range manuals() {
		for _, f := range flagName.FindAllStringSubmatch(m.text, -1) {
			known[f[1]] = true
		}
	}
	quoted := regexp.MustCompile(`"(?:--)?([a-z][a-z0-9-]*)"|--([a-z][a-z0-9-]*)`)
	for _, pattern := range []string{"../mqttbroker/*.go", "../../results/*"} {
		sources, _ := filepath.Glob(pattern)
		for _, source := range sources {
			text, _ := os.ReadFile(source) // A folder has none.
			for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
				known[m[1]+m[2]] = true
			}
		}
	}
	for name, text := range documents(t) {
		if name == "profiles/MIGRATION.md" { // Half of its flags are others': TestMigration.
			continue
		}
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			for _, f := range aFlag.FindAllStringSubmatch(m[1]+m[2], -1) {
				if !known[f[1]] && !slices.Contains(elsewhere, f[1]) {
					t.Errorf("%s: no program has a flag --%s", name, f[1])
				}
			}
		}
	}
}

// TestPackagesOfTheArchitecture: the list of packages in ARCHITECTURE.md is that of TestLayers, and what else it lists exists.
func TestPackagesOfTheArchitecture(t *testing.T) {
	t.Parallel()
	_, list, _ := strings.Cut(documents(t)["ARCHITECTURE.md"], "\n## Packages\n\n```\n")
	list, _, ok := strings.Cut(list, "\n```\n")
	if !ok {
		t.Fatal("there is no list")
	}
	listed := map[string]bool{}
	var at []string // The folders that the next line may be in.
	for line := range strings.Lines(list) {
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		name, _, _ := strings.Cut(strings.TrimSpace(line), "/ ")
		at = append(at[:depth], name)
		listed[path.Join(at...)] = true
	}
	for name := range listed {
		if info, err := os.Stat("../../" + name); err != nil || !info.IsDir() {
			t.Errorf("there is no %s", name)
		}
	}
	for line := range strings.Lines(layers) {
		if name, _, ok := strings.Cut(line, ":"); ok && !listed[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}

// TestFirstResult: the figures that README.md shows of a run are those of the published files.
func TestFirstResult(t *testing.T) {
	t.Parallel()
	const dir = "results/reference/main-job"
	_, shown, _ := strings.Cut(documents(t)["README.md"], "\n```\n")
	shown, _, _ = strings.Cut(shown, "\n```\n")
	r, err := result.Read("../../" + dir)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	if err := report.Summary(&said, r, 80, false); err != nil {
		t.Fatal(err)
	}
	want, agree := figuresOf(said.String()), 0
	for label, figures := range figuresOf(shown) {
		switch published, there := want[label]; {
		case !there:
		case figures != published:
			t.Errorf("%s: README.md has %s, the result %s", label, figures, published)
		default:
			agree++
		}
	}
	if agree < 12 {
		t.Errorf("only %d lines of README.md are of the result", agree)
	}
}

var (
	aLabel  = regexp.MustCompile(`^(\S.*?)  `)
	aFigure = regexp.MustCompile(`\d[\d.,]*`)
)

// figuresOf finds the numbers of a summary by what stands before them; lines that are indented go on with the one before.
func figuresOf(text string) map[string]string {
	all := map[string]string{}
	label := ""
	for line := range strings.Lines(text) {
		if m := aLabel.FindStringSubmatch(line); m != nil {
			label = m[1]
		}
		all[label] += strings.Join(aFigure.FindAllString(line, -1), " ") + " "
	}
	return all
}
