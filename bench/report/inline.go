package report

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A drawing is a figure within a page: the page has its title and says what is under it. It is drawn twice, because text that
// is scaled down to the width of a phone cannot be read.
type drawing struct {
	Name, Title  string
	Wide, Narrow template.HTML // Narrow "": it has no form for a phone; Wide is scrolled.
	Caption      string
}

// narrowWidth is that of a figure on a phone, in points.
const narrowWidth = 310

// inline draws a figure for a page. nil has none.
func (f *figure) inline(used map[color.NRGBA]bool) (p *drawing, err error) {
	if f == nil {
		return nil, nil
	}
	p = &drawing{Name: f.name, Title: unmarked(f.title), Caption: f.caption[0]}
	if p.Wide, err = f.bare(chartWidth, f.height, used); err == nil && f.narrow > 0 {
		p.Narrow, err = f.bare(narrowWidth, f.narrow, used)
	}
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", f.name, err)
	}
	return p, nil
}

// bare draws a figure without its title and caption, so wide, and adds the colours it used.
func (f *figure) bare(width, height vg.Length, used map[color.NRGBA]bool) (svg template.HTML, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be drawn: %v", p)
		}
	}()
	// As high as the rest of it is in its file.
	height -= 80
	vector := vgsvg.New(width, height)
	c := draw.New(vector)
	c.Min.X, c.Max.X, c.Min.Y, c.Max.Y = 2, width-2, 2, height-2
	f.draw(c)
	data, err := bytesOf(vector)
	if err != nil {
		return "", err
	}
	return embedded(string(data), unmarked(f.title), used), nil
}

var (
	styleAttribute = regexp.MustCompile(`\s+style="([^"]*)"`)
	svgOpening     = regexp.MustCompile(`(?s)^.*?<svg[^>]*viewBox="([^"]*)"[^>]*>`)
	hexColor       = regexp.MustCompile(`#[0-9A-Fa-f]{6}`)
)

// embedded makes an SVG file a part of a page. Its style attributes become attributes of their own: the policy of the page
// allows no others, and the rules of the page for the dark can replace them.
func embedded(svg, title string, used map[color.NRGBA]bool) template.HTML {
	body := svgOpening.ReplaceAllString(svg, fmt.Sprintf("<svg class=\"chart\" viewBox=\"$1\" role=\"img\" aria-label=\"%s\">", strings.ReplaceAll(html.EscapeString(title), "$", "$$")))
	body = styleAttribute.ReplaceAllStringFunc(body, func(s string) string {
		var b strings.Builder
		for _, declaration := range strings.Split(styleAttribute.FindStringSubmatch(s)[1], ";") {
			key, value, ok := strings.Cut(strings.TrimSpace(declaration), ":")
			if !ok || value == "normal" || key == "font-family" {
				continue
			}
			if c, ok := parseHex(value); ok {
				used[c] = true
				value = hex(c)
			}
			fmt.Fprintf(&b, ` %s="%s"`, key, value)
		}
		return b.String()
	})
	return template.HTML(strings.TrimSpace(body))
}

func parseHex(s string) (c color.NRGBA, ok bool) {
	if !hexColor.MatchString(s) || len(s) != 7 {
		return c, false
	}
	_, err := fmt.Sscanf(s, "#%02x%02x%02x", &c.R, &c.G, &c.B)
	c.A = 0xff
	return c, err == nil
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// In the dark, paper is nearly black and ink nearly white. Colours of things stay theirs, only lighter where they would drown.
var (
	darkPaper  = color.NRGBA{0x16, 0x19, 0x1d, 0xff}
	darkColors = map[color.NRGBA]color.NRGBA{
		white:      darkPaper,
		black:      {0xe8, 0xea, 0xed, 0xff},
		grey:       {0xa6, 0xad, 0xb5, 0xff},
		lightGrey:  {0x34, 0x3a, 0x41, 0xff},
		bandGrey:   {0x20, 0x24, 0x29, 0xff},
		blue:       {0x3d, 0x9a, 0xe0, 0xff},
		orange:     {0xf0, 0xb0, 0x2a, 0xff},
		bluegreen:  {0x1f, 0xbf, 0x92, 0xff},
		vermillion: {0xf0, 0x7f, 0x33, 0xff},
		purple:     {0xdd, 0x93, 0xbd, 0xff},
		skyBlue:    {0x8c, 0xcf, 0xf5, 0xff},
	}
)

// dark is a colour of a chart on a dark page.
func dark(c color.NRGBA) color.NRGBA {
	if d, ok := darkColors[c]; ok {
		return d
	}
	for step := range heatSteps {
		if heatColor(step) == c {
			return darkHeat(step)
		}
	}
	// What was mixed with white is to be mixed with the dark, so that pale stays faint.
	best, part, miss := black, 1.0, math.Inf(1)
	for base := range darkColors {
		if base == white || base == lightGrey || base == bandGrey {
			continue
		}
		for percent := 10; percent <= 95; percent++ {
			if d := distance(fade(base, float64(percent)/100), c); d < miss || d == miss && hex(base) < hex(best) {
				best, part, miss = base, float64(percent)/100, d
			}
		}
	}
	return mixed(darkColors[best], darkPaper, part)
}

// colorName is what the style sheet calls a colour.
func colorName(c color.NRGBA) string {
	name := map[color.NRGBA]string{blue: "blue", orange: "orange", bluegreen: "green", vermillion: "red", purple: "purple", skyBlue: "sky", black: "ink"}[c]
	return cmp.Or(name, "soft")
}

// darkHeat goes the other way than heatColor: what is most is what stands out.
func darkHeat(step int) color.NRGBA {
	at := (float64(step) + 0.5) / heatSteps
	if at < 0.6 {
		return mixed(darkColors[blue], darkPaper, 0.22+0.78*at/0.6)
	}
	return mixed(color.NRGBA{0xff, 0xff, 0xff, 0xff}, darkColors[blue], 0.85*(at-0.6)/0.4)
}

// mixed is so much of a, and b for the rest.
func mixed(a, b color.NRGBA, part float64) color.NRGBA {
	mix := func(x, y uint8) uint8 { return uint8(float64(x)*part + float64(y)*(1-part) + 0.5) }
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

func distance(a, b color.NRGBA) float64 {
	d := func(x, y uint8) float64 { return math.Abs(float64(x) - float64(y)) }
	return d(a.R, b.R) + d(a.G, b.G) + d(a.B, b.B)
}

// darkRules are the rules of a style sheet that put colours of charts in their places on a dark page.
func darkRules(used map[color.NRGBA]bool) string {
	var rules []string
	for c := range used {
		from, to := hex(c), hex(dark(c))
		// The second is for text, which has a rule of its own in the light.
		rules = append(rules, fmt.Sprintf(".chart [fill=\"%s\"],.chart text[fill=\"%s\"]{fill:%s}.chart [stroke=\"%s\"]{stroke:%s}", from, from, to, from, to))
	}
	slices.Sort(rules)
	return "@media screen and (prefers-color-scheme:dark){" + strings.Join(rules, "") + "}"
}
