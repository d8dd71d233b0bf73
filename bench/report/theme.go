package report

import (
	"image/color"
	"slices"
	"strings"

	"golang.org/x/image/font"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// One theme for all charts. Colours are those of Okabe and Ito, which stay apart for the
// colour-blind, and belong to a thing, not to a place in a list: what was delivered is the same
// green in every chart.
var (
	black      = color.NRGBA{0x22, 0x22, 0x22, 0xff}
	grey       = color.NRGBA{0x66, 0x66, 0x66, 0xff}
	white      = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	lightGrey  = color.NRGBA{0xdd, 0xdd, 0xdd, 0xff}
	bandGrey   = color.NRGBA{0xf2, 0xf2, 0xf2, 0xff}
	blue       = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	orange     = color.NRGBA{0xe6, 0x9f, 0x00, 0xff}
	bluegreen  = color.NRGBA{0x00, 0x9e, 0x73, 0xff}
	vermillion = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	purple     = color.NRGBA{0xcc, 0x79, 0xa7, 0xff}
	skyBlue    = color.NRGBA{0x56, 0xb4, 0xe9, 0xff}

	latencyColor   = blue
	offeredColor   = grey
	acceptedColor  = orange
	deliveredColor = bluegreen
	lossColor      = vermillion
	faultColor     = vermillion
	churnColor     = purple
	userColor      = skyBlue
	systemColor    = blue
)

// seriesColors are those of the groups of a comparison, in their order. Yellow is left out, which
// nobody sees on white, and vermillion, which means failure everywhere.
var seriesColors = []color.NRGBA{blue, orange, bluegreen, purple, skyBlue, black}

func seriesColor(i int) color.NRGBA { return seriesColors[i%len(seriesColors)] }

// known are brokers that have a colour of their own, wherever they stand: whoever has looked at one chart can read the next.
var known = []string{"mqttbroker", "mosquitto", "mochi", "nats", "rabbitmq", "aedes"}

// places are the places of labels in seriesColors. Brokers that are known have theirs, if no two of them are the same, say at two
// levels of QoS; the others take what is left, in their order.
func places(labels []string) []int {
	at, taken := make([]int, len(labels)), map[int]bool{}
	for i, label := range labels {
		name, _, _ := strings.Cut(label, " ")
		at[i] = slices.Index(known, strings.TrimRight(name, ","))
		if at[i] >= 0 && taken[at[i]] || len(labels) > len(seriesColors) {
			for i := range at {
				at[i] = i % len(seriesColors)
			}
			return at
		}
		taken[at[i]] = true
	}
	free := 0
	for i := range at {
		if at[i] >= 0 {
			continue
		}
		for taken[free] {
			free++
		}
		at[i], taken[free] = free, true
	}
	return at
}

// pale is c as a filled area under lines.
func pale(c color.NRGBA) color.NRGBA { return fade(c, 0.18) }

// fade mixes c with white. Opaque on purpose: what is transparent adds up where it overlaps.
func fade(c color.NRGBA, part float64) color.NRGBA {
	mix := func(v uint8) uint8 { return uint8(255 - (255-float64(v))*part + 0.5) }
	return color.NRGBA{mix(c.R), mix(c.G), mix(c.B), 0xff}
}

// Sizes in points. Charts are 7.5 inches wide, and read at that width.
const (
	chartWidth  = 540 * vg.Length(1)
	titleSize   = 13
	labelSize   = 8.5
	tickSize    = 8
	captionSize = 6.5

	lineWidth = 1.5
	thinWidth = 0.75
)

var fonts = plotfont.NewCache(liberation.Collection())

// lettering is sans-serif text of a size.
func lettering(size float64, c color.Color) draw.TextStyle {
	return draw.TextStyle{
		Color:   c,
		Font:    plotfont.Font{Typeface: "Liberation", Variant: "Sans", Size: plotfont.Length(size)},
		Handler: text.Plain{Fonts: fonts},
		XAlign:  draw.XLeft,
		YAlign:  draw.YBottom,
	}
}

func boldLettering(size float64, c color.Color) draw.TextStyle {
	s := lettering(size, c)
	s.Font.Weight = font.WeightBold
	return s
}

// placed is a style with another alignment.
func placed(s draw.TextStyle, x draw.XAlignment, y draw.YAlignment) draw.TextStyle {
	s.XAlign, s.YAlign = x, y
	return s
}

func stroke(c color.Color, width float64, dashes ...vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: vg.Length(width), Dashes: dashes}
}
