package main

import (
	"fmt"
	"strconv"
	"strings"
)

// options are a command line that has been taken apart.
type options struct {
	values map[string][]string // by the option's long name
	rest   []string            // from the first argument on that is no option
}

// parseOptions takes args apart as getopt_long(3) does. Each known option is
// "s/long", "long" or "s", with "=" behind it when it takes a value.
func parseOptions(args []string, known ...string) (options, error) {
	takesValue := map[string]bool{}
	names := map[string]string{} // "-s" and "--long" to the long name
	for _, each := range known {
		name, value := strings.CutSuffix(each, "=")
		short, long, both := strings.Cut(name, "/")
		switch {
		case both:
			names["-"+short], names["--"+long], name = long, long, long
		case len(name) == 1:
			names["-"+name] = name
		default:
			names["--"+name] = name
		}
		takesValue[name] = value
	}
	o := options{values: map[string][]string{}}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		written, value, attached := arg[:2], arg[2:], len(arg) > 2
		if strings.HasPrefix(arg, "--") {
			written, value, attached = strings.Cut(arg, "=")
		}
		name, found := names[written]
		switch {
		case !found:
			return o, usagef("the stand-in for Flux does not play the option %s", written)
		case !takesValue[name]:
			o.values[name] = append(o.values[name], "")
			if attached && !strings.HasPrefix(arg, "--") {
				args = append([]string{"-" + value}, args...) // the next of several short ones
			} else if attached {
				return o, usagef("option %s takes no value", written)
			}
			continue
		case !attached && len(args) == 0:
			return o, usagef("option %s needs a value", written)
		case !attached:
			value, args = args[0], args[1:]
		}
		o.values[name] = append(o.values[name], value)
	}
	o.rest = args
	return o, nil
}

func (o options) has(name string) bool { return len(o.values[name]) > 0 }

// text is the last value of an option, or fallback.
func (o options) text(name, fallback string) string {
	if values := o.values[name]; len(values) > 0 {
		return values[len(values)-1]
	}
	return fallback
}

// number is the last value of an option, or fallback, and at least 0.
func (o options) number(name string, fallback int32) (int32, error) {
	if !o.has(name) {
		return fallback, nil
	}
	number, err := strconv.ParseInt(o.text(name, ""), 10, 32)
	if err != nil || number < 0 {
		return 0, usagef("--%s %s must be a number from 0", name, o.text(name, ""))
	}
	return int32(number), nil
}

// list is the last value of an option, split at commas, or fallback.
func (o options) list(name, fallback string) []string {
	return strings.Split(o.text(name, fallback), ",")
}

// arguments are the arguments that are no options, which must be so many.
func (o options) arguments(count int, what string) ([]string, error) {
	if len(o.rest) != count {
		return nil, usagef("want %s, got %s", what, fmt.Sprintf("%d arguments", len(o.rest)))
	}
	return o.rest, nil
}
