package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// parser reads values and collects what is wrong with them instead of stopping
// at the first error.
type parser struct {
	get   func(key string) string
	known []string // the keys that were asked for
	errs  []error
}

// value is what the configuration says at one place.
type value struct {
	path string // such as "gopherlocks:miniClusters[1].size"
	text string // as Pulumi hands it to programs: lists and objects as JSON
	// composite is set for a list, an object or null inside a list; the stack's
	// own keys do not tell.
	composite bool
}

// key reads one of the stack's own keys.
func (p *parser) key(name string) value {
	p.known = append(p.known, name)
	return value{path: "gopherlocks:" + name, text: p.get(name)}
}

func (p *parser) fail(v value, want string) {
	p.errs = append(p.errs, fmt.Errorf("%s: %q is not %s", v.path, v.text, want))
}

func (p *parser) text(v value) string {
	if v.composite {
		p.fail(v, "text")
		return ""
	}
	return v.text
}

func (p *parser) integer(v value) int {
	n, err := strconv.ParseInt(v.text, 10, 32)
	if err != nil {
		p.fail(v, "a whole number of at most 32 bits")
	}
	return int(n)
}

// optionalInteger is nil for a value that is not set.
func (p *parser) optionalInteger(v value) *int {
	if v.text == "" {
		return nil
	}
	n := p.integer(v)
	return &n
}

func (p *parser) boolean(v value) bool {
	b, err := strconv.ParseBool(v.text)
	if err != nil {
		p.fail(v, "true or false")
	}
	return b
}

// autoscaler reads by what an autoscaler chooses the size.
func (p *parser) autoscaler(v value) autoscaler {
	switch v.text {
	case components.AutoscalerCPU, components.AutoscalerQueue:
		return autoscaler(v.text)
	}
	p.fail(v, components.AutoscalerCPU+" or "+components.AutoscalerQueue)
	return ""
}

// metrics reads who brings metrics-server.
func (p *parser) metrics(v value) preflight.Metrics {
	switch mode := preflight.Metrics(v.text); mode {
	case preflight.MetricsAuto, preflight.MetricsInstall, preflight.MetricsSkip:
		return mode
	}
	p.fail(v, fmt.Sprintf("%s, %s or %s", preflight.MetricsAuto, preflight.MetricsInstall, preflight.MetricsSkip))
	return ""
}

// resources reads quantities as text or as numbers: "2" and 2 are two CPUs.
func (p *parser) resources(v value) map[string]map[string]string {
	if v.text == "" {
		return nil
	}
	var given map[string]map[string]json.RawMessage
	if err := json.Unmarshal([]byte(v.text), &given); err != nil {
		p.fail(v, `an object such as {"requests": {"cpu": "100m"}}`)
		return nil
	}
	r := map[string]map[string]string{}
	for kind, quantities := range given {
		r[kind] = map[string]string{}
		for name, raw := range quantities {
			r[kind][name] = element(v.path, raw).text
		}
	}
	return r
}

// refuseUnknown reports every name that is not known, with the known one that
// it was probably meant to be. A prefix says where the names stand, and noun
// what they should have been.
func (p *parser) refuseUnknown(prefix, noun string, given, known []string) {
	given = slices.Sorted(slices.Values(given))
	for _, name := range given {
		if slices.Contains(known, name) {
			continue
		}
		if likely := nearest(name, known); likely != "" {
			p.errs = append(p.errs, fmt.Errorf("%s%s is not %s; did you mean %s?", prefix, name, noun, likely))
		} else {
			p.errs = append(p.errs, fmt.Errorf("%s%s is not %s; Pulumi.yaml documents all of them", prefix, name, noun))
		}
	}
}

// nearest is the known name that takes the fewest changes of a letter, or ""
// when that would be another word: more than a third of the letters.
func nearest(name string, known []string) string {
	distance := func(a string) int {
		return levenshtein.Distance(strings.ToLower(a), strings.ToLower(name), nil)
	}
	if len(known) == 0 {
		return ""
	}
	best := slices.MinFunc(known, func(a, b string) int { return distance(a) - distance(b) })
	if distance(best) > max(1, len(name)/3) {
		return ""
	}
	return best
}

// element is the value of a field inside a list.
func element(path string, raw json.RawMessage) value {
	v := value{path: path, text: string(raw)}
	switch raw[0] {
	case '"':
		var text string
		// It is valid: it has been read as a part of the list.
		if err := json.Unmarshal(raw, &text); err == nil {
			v.text = text
		}
	case 'n', '{', '[': // null has no value of any type
		v.composite = true
	}
	return v
}
