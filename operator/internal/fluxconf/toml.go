package fluxconf

import (
	"fmt"
	"strings"
)

// document is a TOML document in the making. Values come after the table that
// they belong to.
type document struct{ strings.Builder }

func (d *document) table(name string) {
	if d.Len() != 0 {
		d.WriteByte('\n')
	}
	fmt.Fprintf(d, "[%s]\n", name)
}

func (d *document) text(key, value string)       { fmt.Fprintf(d, "%s = %s\n", key, quote(value)) }
func (d *document) number(key string, value int) { fmt.Fprintf(d, "%s = %d\n", key, value) }
func (d *document) flag(key string, value bool)  { fmt.Fprintf(d, "%s = %t\n", key, value) }

func (d *document) texts(key string, values ...string) {
	for i := range values {
		values[i] = quote(values[i])
	}
	fmt.Fprintf(d, "%s = [ %s ]\n", key, strings.Join(values, ", "))
}

// quote returns value as a basic string of TOML. Bytes that are not UTF-8, which
// TOML cannot express, become U+FFFD.
// Source: https://toml.io/en/v1.0.0#string
func quote(value string) string {
	var quoted strings.Builder
	quoted.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			quoted.WriteByte('\\')
			quoted.WriteRune(r)
		case r == '\n':
			quoted.WriteString(`\n`)
		case r == '\t':
			quoted.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&quoted, `\u%04X`, r)
		default:
			quoted.WriteRune(r)
		}
	}
	quoted.WriteByte('"')
	return quoted.String()
}
