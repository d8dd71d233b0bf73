package report

import (
	stdbytes "bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"image/color"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"mqttbench/bench/result"
)

// ReportFile is what the page of a run, or of a comparison, is called in its folder.
const ReportFile = "report.html"

//go:embed assets
var assets embed.FS

var pages = template.Must(template.ParseFS(assets, "assets/*.tmpl"))

// asset is an embedded file.
func asset(name string) string {
	data, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // The program was built without it.
	}
	return string(data)
}

// SaveHTML writes the report of a run as one page that needs nothing else: no network, and no script either, though with one
// its charts can be asked. Links to the files of the run are relative to where the page is. What could not be drawn
// or read is an error, and the page is there without it.
func SaveHTML(path string, r *result.Run) error {
	p, unread := runPage(r, filepath.Dir(path))
	return errors.Join(unread, p.save(path))
}

// SaveCompareHTML writes the report of a comparison likewise.
func SaveCompareHTML(path string, c *result.Comparison) error {
	p, undrawn := comparisonPage(c, filepath.Dir(path))
	return errors.Join(undrawn, p.save(path))
}

// save renders a page and writes it.
func (p *page) save(path string) error {
	data, err := p.render()
	if err != nil {
		return err
	}
	return result.WriteFile(path, data)
}

// A page is all that its template shows. Nil and empty parts are left out.
type page struct {
	kind string // Of the template: "run", "comparison", "family" or "matrix".

	Title, Subtitle string
	Badge           cell // The verdict in a word.
	Verdict         []sentence
	Tables          map[string]*table // By the name that the template has for them.
	Drawings        map[string]*drawing
	Flames          []*flame
	FlameNote       string
	Legend, Doubts  []string
	Command         string
	Files           []file
	Facts           []fact
	Flags, Plan     string
	Grids           []grid     // Of a matrix.
	Workloads       []workpart // Likewise.
	Limits          []string   // What the page does not show.

	live any // For the script, as JSON; nil: nothing to be asked.
	used map[color.NRGBA]bool

	// Set by render.
	Policy  string
	Style   template.CSS
	Scripts []template.JS
	Data    template.JS
	Kinds   any

	Contents, Terms []fact // Titles and places of sections; words and what they mean.
}

// A sentence is one of the verdict, with what went wrong first.
type sentence struct {
	Class, Text string
	Offenders   []string
}

// A fact is a line of the environment.
type fact struct{ Name, Value string }

// A file is a link to what the report was made of.
type file struct{ Name, Link, Size, Sum string }

func newPage(kind string) *page {
	return &page{kind: kind, Tables: map[string]*table{}, Drawings: map[string]*drawing{}, used: map[color.NRGBA]bool{}}
}

// draw adds a figure to the page under its name. A chart that fails is left out.
func (p *page) draw(f *figure) error {
	d, err := f.inline(p.used)
	if d != nil {
		p.Drawings[d.Name] = d
	}
	return err
}

// render fills in the template. Scripts and style are named to the browser by their hashes, so that whatever else might
// have come into the page by a Topic Name or an error text does not run.
func (p *page) render() ([]byte, error) {
	style := strings.Join([]string{asset("uplot/uPlot.min.css"), asset("report.css"), darkRules(p.used)}, "\n")
	p.Style, p.Kinds = template.CSS(style), flameKinds
	if p.Contents == nil {
		plain, err := p.execute()
		if err != nil {
			return nil, err
		}
		p.guide(string(plain))
	}
	var sources []string
	if p.live != nil {
		data, err := json.Marshal(p.live)
		if err != nil {
			return nil, err
		}
		p.Data = template.JS(data)
		sources = append(sources, "uplot/uPlot.iife.min.js", "report.js")
	}
	if p.sortable() {
		sources = append(sources, "sort.js")
	}
	if p.Flames != nil {
		sources = append(sources, "flame.js")
	}
	scripts := ""
	for _, name := range sources {
		source := asset(name)
		p.Scripts = append(p.Scripts, template.JS(source))
		scripts += " " + hashOf(source)
	}
	p.Policy = "default-src 'none'; img-src data:; style-src " + hashOf(style) + "; script-src" + cmp.Or(scripts, " 'none'") + "; base-uri 'none'; form-action 'none'"
	return p.execute()
}

func (p *page) execute() ([]byte, error) {
	var b stdbytes.Buffer
	err := pages.ExecuteTemplate(&b, p.kind, p)
	return b.Bytes(), err
}

// sortable reports whether there is a table on the page that can be sorted.
func (p *page) sortable() bool {
	for _, t := range p.Tables {
		if t != nil && t.Sortable {
			return true
		}
	}
	return len(p.Grids) > 0
}

// hashOf is a source in the words of a content security policy.
func hashOf(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// link is the address of a file on a page in the folder base.
func link(base, path string) string {
	from, err1 := filepath.Abs(base)
	to, err2 := filepath.Abs(path)
	relative, err := filepath.Rel(from, to)
	if err1 != nil || err2 != nil || err != nil { // Another drive: no page can link there from here.
		return ""
	}
	// The dot keeps a name with a colon from being taken for a scheme.
	return (&url.URL{Path: "./" + filepath.ToSlash(relative)}).String()
}

// linkFile describes a file; ok if it is there. Sums are of what the figures come from.
func linkFile(base, path string, sum bool) (f file, ok bool) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return f, false
	}
	f = file{Name: filepath.Base(path), Link: link(base, path), Size: bytes(float64(info.Size()))}
	if sum {
		f.Sum = sumOf(path)
	}
	return f, true
}

// raw is what to look at for a run: its own report, its result, or the archive that holds it.
func raw(r *result.Run) string {
	if archive, _, ok := strings.Cut(filepath.ToSlash(r.Dir), result.ArchiveSuffix+"/"); ok {
		return filepath.FromSlash(archive) + result.ArchiveSuffix
	}
	page := filepath.Join(r.Dir, ReportFile)
	if _, err := os.Stat(page); err == nil {
		return page
	}
	return filepath.Join(r.Dir, result.ResultFile)
}

// archives links the archives that runs were read from.
func (p *page) archives(runs []*result.Run, base string) {
	seen := map[string]bool{}
	for _, r := range runs {
		path := raw(r)
		if seen[path] || !strings.HasSuffix(path, result.ArchiveSuffix) {
			continue
		}
		seen[path] = true
		if f, ok := linkFile(base, path, true); ok {
			p.Files = append(p.Files, f)
		}
	}
}

// sumOf is the SHA-256 of a file; "" if it cannot be read.
func sumOf(path string) string {
	in, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return ""
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
