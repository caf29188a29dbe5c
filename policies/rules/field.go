package rules

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// field is a property and its path. Its value is nil if it is not set.
type field struct {
	path   string
	value  any
	secret bool
	// err says why there is no value: something on the way is not a map.
	err error
}

// unknownError says that a field has no value before the update.
type unknownError struct{ path string }

func (e unknownError) Error() string { return e.path + " is not known before the update" }

// malformedError says that a field does not hold what it must.
type malformedError struct{ path, got, want string }

func (e malformedError) Error() string { return fmt.Sprintf("%s %s must be %s", e.path, e.got, e.want) }

// at follows a path of keys.
func (f field) at(path ...string) field {
	for _, key := range path {
		f = f.plain()
		next := field{path: join(f.path, key), secret: f.secret, err: f.err}
		switch value := f.value.(type) {
		case map[string]any:
			next.value = value[key]
		case Unknown:
			next.value = value
		case nil:
		default:
			next.err = malformedError{f.path, f.shown(), "an object"}
		}
		f = next
	}
	return f.plain()
}

// plain unwraps secrets.
func (f field) plain() field {
	for {
		secret, ok := f.value.(Secret)
		if !ok {
			return f
		}
		f.value, f.secret = secret.Value, true
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// absent says that the field is not set, and that nothing is wrong with that.
func (f field) absent() bool { return f.value == nil && f.err == nil }

// unknown says that the field has no value before the update.
func (f field) unknown() bool { _, is := f.value.(Unknown); return is }

// shown is the value for a message.
func (f field) shown() string {
	switch value := f.value.(type) {
	case nil:
		return "(not set)"
	case string:
		if f.secret {
			return "(secret)"
		}
		return fmt.Sprintf("%q", value)
	case float64, bool:
		if f.secret {
			return "(secret)"
		}
		return fmt.Sprint(value)
	case []any:
		return "(a list)"
	default:
		return "(an object)"
	}
}

// as reads the field as a T; want describes one.
func as[T any](f field, want string) (T, error) {
	var none T
	if f.err != nil {
		return none, f.err
	}
	switch value := f.value.(type) {
	case T:
		return value, nil
	case Unknown:
		return none, unknownError{f.path}
	default:
		return none, malformedError{f.path, f.shown(), want}
	}
}

// integer reads a whole number.
func (f field) integer() (int, error) {
	const want = "a whole number of at most 32 bits"
	n, err := as[float64](f, want)
	if err != nil {
		return 0, err
	}
	if n != math.Trunc(n) || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, malformedError{f.path, f.shown(), want}
	}
	return int(n), nil
}

// integerOr reads a whole number that has a default.
func (f field) integerOr(fallback int) (int, error) {
	if f.absent() {
		return fallback, nil
	}
	return f.integer()
}

func (f field) text() (string, error) { return as[string](f, "a text") }

func (f field) textOr(fallback string) (string, error) {
	if f.absent() {
		return fallback, nil
	}
	return f.text()
}

// flag reads a boolean that is false by default.
func (f field) flag() (bool, error) {
	if f.absent() {
		return false, nil
	}
	return as[bool](f, "true or false")
}

// items are the elements of a list; none where it is not set.
func (f field) items() ([]field, error) {
	if f.absent() {
		return nil, nil
	}
	list, err := as[[]any](f, "a list")
	var items []field
	for i, value := range list {
		items = append(items, field{path: fmt.Sprintf("%s[%d]", f.path, i), value: value, secret: f.secret}.plain())
	}
	return items, err
}

// report collects findings.
type report []Finding

// violation adds a violation by a resource.
func (r *report) violation(at *Resource, reason, format string, args ...any) {
	*r = append(*r, Finding{URN: at.URN, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// cannotTell adds why a rule cannot judge a resource: one finding for all fields
// that are not known yet, and one for each malformed field.
func (r *report) cannotTell(at *Resource, err error) {
	var unknown, malformed []string
	for _, e := range flatten(err) {
		var notKnown unknownError
		if errors.As(e, &notKnown) {
			unknown = append(unknown, notKnown.path)
			continue
		}
		// A value of the wrong type makes all fields within it fail with the same
		// error.
		if !slices.Contains(malformed, e.Error()) {
			malformed = append(malformed, e.Error())
			r.violation(at, ReasonMalformed, "%v", e)
		}
	}
	if len(unknown) == 0 {
		return
	}
	verb := "is"
	if len(unknown) > 1 {
		verb = "are"
	}
	*r = append(*r, Finding{URN: at.URN, Reason: ReasonUnknown, Unknown: true, Message: fmt.Sprintf(
		"cannot be checked yet: %s %s not known before the update", strings.Join(unknown, ", "), verb)})
}

// flatten returns the errors that errors.Join has joined.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err == nil {
			return nil
		}
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}
