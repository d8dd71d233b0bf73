package report

import (
	"errors"
	"os"

	"mqttbench/bench/result"
)

// Charts draws the charts of one run into dir, each as SVG and PNG, and returns the paths of the
// files written. Charts for which the run has no data are left out: percentiles without samples or of a run
// that lost what was promised, cost of a broker that is elsewhere. One chart that fails does not
// keep the others from being drawn.
func Charts(dir string, r *result.Run) ([]string, error) {
	heat, unread := heatFigure(r)
	paths, err := saveAll(dir, []*figure{percentileFigure(r), timelineFigure(r), heat, ratesFigure(r), costFigure(r), recoveryFigure(r), instrumentFigure(r)})
	return paths, errors.Join(unread, err)
}

// CompareCharts draws the charts of a comparison likewise.
func CompareCharts(dir string, c *result.Comparison) ([]string, error) {
	return saveAll(dir, []*figure{throughputFigure(c), latencyRowsFigure(c), deliveredFigure(c), comparePercentilesFigure(c), compareSharesFigure(c), compareMultiples(c),
		pairsFigure(c), ratiosFigure(c), compareCostFigure(c), costCurveFigure(c), verdictFigure(c)})
}

// saveAll saves the figures; nil ones are those that had nothing to show.
func saveAll(dir string, figures []*figure) (paths []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var errs []error
	for _, f := range figures {
		if f == nil {
			continue
		}
		p, err := f.save(dir)
		paths = append(paths, p...)
		errs = append(errs, err)
	}
	return paths, errors.Join(errs...)
}
