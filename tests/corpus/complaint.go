package corpus

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

var (
	key    = regexp.MustCompile(`\[[^\]]*\]`)
	value  = regexp.MustCompile(`^((?:Invalid|Unsupported|Duplicate) value): (?:"(?:[^"\\]|\\.)*"|[^\s:]+): `)
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	place  = regexp.MustCompile(`\[[0-9]+\]`)
	number = regexp.MustCompile(`\b[0-9]+\b`)
	word   = regexp.MustCompile(`[^\s"',;()]+`)
	lost   = regexp.MustCompile(`^(unknown field|duplicate field) "(.*)"$`)
)

// unchecked is what the API server says besides, where it has not looked at all rules
// because of other complaints.
const unchecked = "some validation rules were not checked"

// Complaints are what an API server has against a manifest: its error taken apart, and
// its warnings. They hold no names and numbers, so that all complaints of a kind are
// equal.
func (m Manifest) Complaints(err error, warnings []string) []string {
	var found []string
	for _, warning := range warnings {
		if parts := lost.FindStringSubmatch(warning); parts != nil {
			found = append(found, parts[1]+" "+general(parts[2]))
		} else {
			found = append(found, m.withoutNames(warning))
		}
	}
	var status apierrors.APIStatus
	switch detailed := errors.As(err, &status); {
	case err == nil:
	case detailed && status.Status().Details != nil && len(status.Status().Details.Causes) > 0:
		for _, cause := range status.Status().Details.Causes {
			if !strings.Contains(cause.Message, unchecked) {
				message := value.ReplaceAllString(cause.Message, "$1: ")
				found = append(found, general(cause.Field)+": "+m.withoutNames(message))
			}
		}
	default:
		found = append(found, m.withoutNames(err.Error()))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// general returns the path of a field without places in lists and keys of maps.
func general(path string) string {
	segments := strings.Split(key.ReplaceAllString(path, "[]"), ".")
	at := reflect.TypeFor[api.MiniCluster]()
	for i, segment := range segments {
		switch at.Kind() {
		case reflect.Map:
			segments[i], at = "[]", at.Elem()
		case reflect.Struct:
			name, keyed := strings.CutSuffix(segment, "[]")
			if at = fieldOf(at, name); keyed && at.Kind() == reflect.Map {
				at = at.Elem()
			}
		}
		for at.Kind() == reflect.Slice || at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
	}
	return strings.ReplaceAll(strings.Join(segments, "."), ".[]", "[]")
}

// fieldOf returns the type of the field that has a name in JSON; no struct and no map
// where there is none.
func fieldOf(within reflect.Type, name string) reflect.Type {
	for _, field := range reflect.VisibleFields(within) {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name {
			return field.Type
		}
	}
	return reflect.TypeFor[string]()
}

// withoutNames takes numbers, quotations and words of the manifest out of a message.
func (m Manifest) withoutNames(message string) string {
	own := map[string]bool{m.Object.GetName(): true}
	collect(m.Object.Object["spec"], own)
	message = quoted.ReplaceAllString(message, "…")
	message = word.ReplaceAllStringFunc(message, func(w string) string {
		if own[strings.TrimRight(w, ":.")] || own[w] {
			return "…"
		}
		return w
	})
	return number.ReplaceAllString(place.ReplaceAllString(message, "[]"), "N")
}

// collect adds the texts below a value.
func collect(below any, texts map[string]bool) {
	switch below := below.(type) {
	case string:
		texts[below] = true
	case []any:
		for _, v := range below {
			collect(v, texts)
		}
	case map[string]any:
		for _, v := range below {
			collect(v, texts)
		}
	}
}
