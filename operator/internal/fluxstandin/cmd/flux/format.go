package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// row is a line of a table: values by field.
type row map[string]string

// field is a field of a format, with a width that is ignored.
var field = regexp.MustCompile(`\{([a-z][a-z0-9._]*)(![a-zA-Z])?(:[^}]*)?\}`)

// printRows prints rows by a format in Python's string syntax, after a header. As
// Flux does, it leaves out lines of white space only, and joins rows that differ
// in their ranks only. Source: OutputFormat.print_items and Deduplicator of
// src/bindings/python/flux/util.py.
func printRows(format string, header bool, rows []row, known ...string) error {
	names := row{}
	for _, name := range known {
		names[name] = strings.ToUpper(name[strings.LastIndex(name, ".")+1:])
	}
	for _, match := range field.FindAllStringSubmatch(format, -1) {
		if names[match[1]] == "" {
			return fmt.Errorf("Unknown format field: %s", match[1]) //nolint:staticcheck // Flux's own words
		}
	}
	if header {
		fmt.Println(fill(format, names))
	}
	for _, each := range join(format, rows) {
		if line := fill(format, each); strings.TrimSpace(line) != "" {
			fmt.Println(line)
		}
	}
	return nil
}

func fill(format string, values row) string {
	return field.ReplaceAllStringFunc(format, func(text string) string {
		return values[field.FindStringSubmatch(text)[1]]
	})
}

// join joins rows that differ in ranks and their number only, unless they have an
// ID.
func join(format string, rows []row) []row {
	var joined []row
	byText := map[string]row{}
	for _, each := range rows {
		_, unique := each["id"]
		rest := row{}
		for name, value := range each {
			if name != "ranks" && name != "nnodes" {
				rest[name] = value
			}
		}
		text := fill(format, rest)
		first, known := byText[text]
		if unique || !known {
			byText[text] = each
			joined = append(joined, each)
			continue
		}
		a, errA := idset.Parse(first["ranks"])
		b, errB := idset.Parse(each["ranks"])
		if errA != nil || errB != nil {
			panic(fmt.Sprint("ranks of our own making: ", errA, errB))
		}
		first["ranks"], first["nnodes"] = a.Union(b).String(), fmt.Sprint(a.Union(b).Len())
	}
	return joined
}
