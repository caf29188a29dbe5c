// Package environ reads settings of tests from the environment.
package environ

import (
	"os"
	"strconv"
	"testing"
)

// NumberFrom reads a number from a variable of the environment. without is the
// default.
func NumberFrom(t testing.TB, variable string, without int64) int64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return without
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q must be a number of at least 1", variable, text)
	}
	return n
}
