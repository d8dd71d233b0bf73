package profile

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"mqttbench/bench/strict"
)

// A kind turns a value of a file into the text of a flag. complaint is what is wrong with it, to follow
// the key and the value in a sentence; "" if it is right.
type kind func(n ast.Node) (text, complaint string)

// keys are the settings that a profile may have, by their place in the file. Underscores are the dashes of
// a flag; a dot is a level of the file. The schema says the same, for editors.
var keys = map[string]kind{
	"mqtt":              oneOf("3.1", "3.1.1", "5"),
	"qos":               level,
	"pub_qos":           level,
	"sub_qos":           level,
	"clients":           whole(1, 1<<25),
	"publishers":        whole(0, 1<<24),
	"subscribers":       whole(0, 1<<24),
	"pattern":           oneOf("pairs", "fan-in", "fan-out"),
	"share":             text,
	"topic":             text,
	"retain":            truth,
	"payload":           whole(16, 268_435_000),
	"rate":              more,
	"closed":            truth,
	"idle":              truth,
	"arrivals":          oneOf("constant", "poisson", "burst"),
	"window":            whole(1, math.MaxUint16),
	"clean_session":     truth,
	"pub_clean_session": truth,
	"sub_clean_session": truth,
	"keep_alive":        duration,
	"connect_rate":      more,
	"connect_timeout":   duration,
	"connecting":        whole(1, 1<<24),
	"warmup":            duration,
	"warmup_cut":        oneOf("auto", "off"),
	"duration":          duration,
	"drain":             duration,
	"churn.rate":        more,
	"churn.who":         oneOf("publishers", "subscribers", "both"),
	"churn.abrupt":      share,
	"churn.down":        duration,
	"churn.takeover":    share,
	"offline.at":        duration,
	"offline.for":       duration,
	"offline.abrupt":    truth,
	"offline.who":       oneOf("publishers", "subscribers", "both"),
	"flap.rate":         more,
	"flap.for":          duration,

	"payload_max":            whole(16, 268_435_000),
	"message_file":           text,
	"wild":                   truth,
	"decoys":                 whole(1, 1000),
	"limit":                  whole(1, 1<<40),
	"client_id":              text,
	"prefix":                 text,
	"short_ids":              truth,
	"username":               text,
	"server_name":            text,
	"credentials":            text,
	"auth_method":            text,
	"session_expiry":         duration,
	"receive_maximum":        whole(1, math.MaxUint16),
	"maximum_packet_size":    whole(1, math.MaxUint32),
	"topic_alias":            truth,
	"topic_alias_maximum":    whole(1, math.MaxUint16),
	"request_response_info":  truth,
	"request_problem_info":   truth,
	"no_local":               truth,
	"retain_handling":        level,
	"subscription_id":        whole(1, 268_435_455),
	"message.template":       text,
	"message.expiry":         duration,
	"message.content_type":   text,
	"message.response_topic": text,
	"message.correlation":    text,
	"message.utf8":           truth,
	"will.watchers":          whole(1, 1<<24),
	"will.qos":               level,
	"will.retain":            truth,
	"will.delay":             duration,
	"will.utf8":              truth,
	"will.expiry":            duration,
	"will.content_type":      text,
	"will.response_topic":    text,
	"will.correlation":       text,
	"readers.count":          whole(1, 1<<24),
	"readers.every":          duration,
	"readers.qos":            level,
	"slo":                    text,
}

// lists are the settings that may be said several times, each time with the same flag.
var lists = map[string]struct {
	flag string
	each func(r *reader, what string, n ast.Node) (string, error) // One of the list as the text of the flag.
}{
	"faults":                    {"fault", (*reader).oneText},
	"user_properties":           {"user-property", (*reader).oneText},
	"connect_user_properties":   {"connect-user-property", (*reader).oneText},
	"subscribe_user_properties": {"subscribe-user-property", (*reader).oneText},
	"groups":                    {"group", fields(groupKeys)},
	"flows":                     {"flow", fields(flowKeys)},
	"stages":                    {"stages", fields(stageKeys)},
	"offline":                   {"offline", fields(offlineKeys)},
	"will.user_properties":      {"will-user-property", (*reader).oneText},
	"ws_headers":                {"ws-header", (*reader).oneText},
	"alpn":                      {"alpn", (*reader).oneText},
}

// groupKeys, flowKeys, stageKeys and offlineKeys are what may be said of a group of clients, of the messages from one to another, of a
// stage of the rate, and of one time of being offline among several.
var (
	groupKeys = map[string]kind{"name": text, "count": whole(1, 1<<24), "clean_session": truth}
	flowKeys  = map[string]kind{
		"from": text, "to": text, "pattern": keys["pattern"], "share": text, "topic": text, "retain": truth, "rate": more,
		"qos": level, "pub_qos": level, "sub_qos": level, "payload": keys["payload"], "payload_max": keys["payload_max"],
		"arrivals": keys["arrivals"],
	}
	stageKeys   = map[string]kind{"for": duration, "rate": least0, "to": least0}
	offlineKeys = map[string]kind{"at": duration, "for": duration, "abrupt": truth, "who": keys["offline.who"]}
)

// flagOf is the flag of a key.
func flagOf(key string) string {
	key = strings.TrimSuffix(key, ".rate")     // --churn is the rate of the churn,
	key = strings.TrimSuffix(key, ".template") // and --message the template of the message.
	return strings.NewReplacer("_", "-", ".", "-").Replace(key)
}

// Flags are the flags that a profile can set, in alphabetical order.
func Flags() []string {
	var flags []string
	for key := range keys {
		flags = append(flags, flagOf(key))
	}
	for _, l := range lists {
		flags = append(flags, l.flag)
	}
	return slices.Sorted(slices.Values(flags))
}

// below are the names that may stand at a level of the file: "" is the top, "churn." is within churn.
func below(level string) []string {
	names := map[string]bool{}
	for key := range keys {
		if rest, ok := strings.CutPrefix(key, level); ok {
			name, _, _ := strings.Cut(rest, ".")
			names[name] = true
		}
	}
	for key := range lists {
		if rest, ok := strings.CutPrefix(key, level); ok && !strings.Contains(rest, ".") {
			names[rest] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func oneOf(values ...string) kind {
	return func(n ast.Node) (string, string) {
		v, ok := strict.Plain(n)
		if ok && slices.Contains(values, v) {
			return v, ""
		}
		last := len(values) - 1
		return "", fmt.Sprintf("is none of %s and %s%s", strings.Join(values[:last], ", "), values[last], strict.DidYouMean(v, values))
	}
}

// level is a QoS. In quotes it would be a text.
func level(n ast.Node) (string, string) {
	v, complaint := oneOf("0", "1", "2")(n)
	if _, number := n.(*ast.IntegerNode); !number {
		complaint = "is none of 0, 1 and 2"
	}
	return v, complaint
}

// whole takes decimal digits only, or an exponent: YAML reads 010 as 8, and nobody means that.
func whole(least, most int64) kind {
	return func(n ast.Node) (string, string) {
		v, _ := strict.Plain(n)
		_, number := n.(*ast.IntegerNode)
		if x, ok := exponential(n); ok && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			v, number = strconv.FormatInt(int64(x), 10), true
		}
		i, err := strconv.ParseInt(v, 10, 64)
		if err != nil || !number || v != strconv.FormatInt(i, 10) || i < least || i > most {
			return "", fmt.Sprintf("is not a whole number from %d to %d", least, most)
		}
		return v, ""
	}
}

// exponential is a number such as 1e3 or 2.5e4. YAML has it for a number even without a point or a sign, and the parser for a text.
func exponential(n ast.Node) (float64, bool) {
	switch n.(type) {
	case *ast.StringNode, *ast.FloatNode:
	default:
		return 0, false
	}
	t := n.GetToken()
	if t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType || !asExponential(t.Value) {
		return 0, false
	}
	x, err := strconv.ParseFloat(t.Value, 64)
	return x, err == nil
}

// asExponential matches what [YAML 1.2.2 10.3.2] has for a number with an exponent, save that it has digits before its point and no 0 before them.
var asExponential = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?[eE][-+]?[0-9]+$`).MatchString

func number(n ast.Node) (float64, string, bool) {
	if x, ok := exponential(n); ok {
		return x, n.GetToken().Value, true
	}
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
	default:
		return 0, "", false
	}
	v := n.GetToken().Value
	x, err := strconv.ParseFloat(v, 64)
	octal := len(v) > 1 && v[0] == '0' && v[1] != '.'
	return x, v, err == nil && !octal && !math.IsInf(x, 0) && !math.IsNaN(x)
}

func more(n ast.Node) (string, string) {
	if x, v, ok := number(n); ok && x > 0 {
		return v, ""
	}
	return "", "is not a number above 0"
}

func least0(n ast.Node) (string, string) {
	if x, v, ok := number(n); ok && x >= 0 {
		return v, ""
	}
	return "", "is not a number from 0 on"
}

func share(n ast.Node) (string, string) {
	if x, v, ok := number(n); ok && x >= 0 && x <= 1 {
		return v, ""
	}
	return "", "is not a share from 0 to 1"
}

func truth(n ast.Node) (string, string) {
	if _, ok := n.(*ast.BoolNode); ok {
		if v := n.GetToken().Value; v == "true" || v == "false" {
			return v, ""
		}
	}
	return "", "is neither true nor false"
}

// duration wants a unit: a bare 30 could be seconds, and could be nanoseconds.
func duration(n ast.Node) (string, string) {
	if _, ok := n.(*ast.StringNode); ok || isZero(n) {
		v, _ := strict.Plain(n)
		if d, err := time.ParseDuration(v); err == nil && d >= 0 {
			return v, ""
		}
	}
	return "", "is no duration such as 30s, 1m30s or 200ms"
}

func isZero(n ast.Node) bool {
	v, ok := strict.Plain(n)
	return ok && v == "0"
}

func text(n ast.Node) (string, string) {
	v, ok := strict.Plain(n)
	if _, isText := n.(*ast.StringNode); !ok || !isText || v == "" {
		return "", "is not a text"
	}
	return v, ""
}

// prose is a text of several words and lines, put on one.
func prose(n ast.Node) (string, string) {
	v, ok := strict.Plain(n)
	v = strings.Join(strings.Fields(v), " ")
	if !ok || v == "" {
		return "", "is not a text"
	}
	return v, ""
}
