package main

import (
	"slices"
	"testing"
)

func TestCompilerCollectsLessWhereThereIsMemory(t *testing.T) {
	for _, test := range []struct {
		environment []string
		memory      uint64
		want        []string
	}{
		{[]string{"HOME=/root"}, ampleMemory, []string{"GOGC=400"}},
		{[]string{"HOME=/root"}, ampleMemory - 1, nil},
		{nil, 0, nil},
		{[]string{"GOGC=50"}, ampleMemory, nil}, // The user's choice.
	} {
		if got := collectLess(test.environment, test.memory); !slices.Equal(got, test.want) {
			t.Errorf("collectLess(%v, %d) = %v, want %v", test.environment, test.memory, got, test.want)
		}
	}
}
