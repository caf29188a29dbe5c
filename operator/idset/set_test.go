package idset

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func mustParse(t *testing.T, text string) Set {
	t.Helper()
	set, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestParseWritesTheCanonicalForm(t *testing.T) {
	tests := []struct {
		text, want string
		ranks      []int32
	}{
		{"", "", nil},
		{"[]", "", nil},
		{"0", "0", []int32{0}},
		{"0-3", "0-3", []int32{0, 1, 2, 3}},
		{"[0-1]", "0-1", []int32{0, 1}},
		{"1,3-5,7", "1,3-5,7", []int32{1, 3, 4, 5, 7}},
		{"0,1,2", "0-2", []int32{0, 1, 2}},
		{"0-1,2,4-5", "0-2,4-5", []int32{0, 1, 2, 4, 5}},
		{"99999", "99999", []int32{99999}},
	}
	for _, tt := range tests {
		set, err := Parse(tt.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
			continue
		}
		if got := set.String(); got != tt.want {
			t.Errorf("Parse(%q) = %q, want %q", tt.text, got, tt.want)
		}
		if got := slices.Collect(set.All()); !slices.Equal(got, tt.ranks) {
			t.Errorf("Parse(%q) has %v, want %v", tt.text, got, tt.ranks)
		}
		if set.Len() != len(tt.ranks) {
			t.Errorf("Parse(%q) has length %d, want %d", tt.text, set.Len(), len(tt.ranks))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]string{
		",":                        `"" is no rank`,
		"1,":                       `"" is no rank`,
		"-":                        `"" is no rank`,
		"-1":                       `"" is no rank`,
		"1-":                       `"" is no rank`,
		"1-2-3":                    `"2-3" is no rank`,
		"a":                        `"a" is no rank`,
		" 1":                       `" 1" is no rank`,
		"+1":                       `"+1" is no rank`,
		"[1":                       `"[1" is no rank`,
		"[[1]]":                    `"[1]" is no rank`,
		"٣":                        "is no rank",
		"01":                       `"01" must not begin with 0`,
		"3-3":                      "range 3-3 must end after it begins",
		"5-3":                      "range 5-3 must end after it begins",
		"3,1":                      "1 must come after 3",
		"1,1":                      "1 must come after 1",
		"0-5,5-6":                  "5-6 must come after 5",
		"0-5,2":                    "2 must come after 5",
		"100000":                   `"100000" must be less than 100000`,
		"0-4294967295":             `"4294967295" must be less than 100000`,
		"0-99999999999999999999":   `"99999999999999999999" must be less than 100000`,
		strings.Repeat("9", 10000): "…",
	}
	for text, want := range tests {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.20q): %v, want an error with %q", text, err, want)
		} else if len(err.Error()) > 300 {
			t.Errorf("Parse(%.20q): a message of %d bytes", text, len(err.Error()))
		}
	}
}

func TestRangeIsHalfOpen(t *testing.T) {
	tests := []struct {
		from, to int32
		want     string
	}{
		{2, 4, "2-3"}, {0, 1, "0"}, {3, 3, ""}, {4, 2, ""}, {-1, 2, "0-1"}, {-3, -1, ""},
	}
	for _, tt := range tests {
		if got := Range(tt.from, tt.to).String(); got != tt.want {
			t.Errorf("Range(%d, %d) = %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestUnionAndMinus(t *testing.T) {
	tests := []struct{ a, b, union, minus string }{
		{"", "", "", ""},
		{"0-3", "", "0-3", "0-3"},
		{"", "0-3", "0-3", ""},
		{"0-3", "4-5", "0-5", "0-3"},
		{"0-9", "3-5", "0-9", "0-2,6-9"},
		{"0-9", "0,9", "0-9", "1-8"},
		{"0-1,4-5", "1-4", "0-5", "0,5"},
		{"0-1,4-5,8", "0-4,8-9", "0-5,8-9", "5"},
		{"2", "0-9", "0-9", ""},
		{"1,3,5", "2,4", "1-5", "1,3,5"},
	}
	for _, tt := range tests {
		a, b := mustParse(t, tt.a), mustParse(t, tt.b)
		if got := a.Union(b).String(); got != tt.union {
			t.Errorf("%q.Union(%q) = %q, want %q", tt.a, tt.b, got, tt.union)
		}
		if got := a.Minus(b).String(); got != tt.minus {
			t.Errorf("%q.Minus(%q) = %q, want %q", tt.a, tt.b, got, tt.minus)
		}
		if a.String() != tt.a || b.String() != tt.b {
			t.Errorf("operands have changed to %q and %q", a, b)
		}
	}
}

func TestOfTakesRanksInAnyOrder(t *testing.T) {
	if got := Of(5, 3, 1, 4, 3, -1).String(); got != "1,3-5" {
		t.Errorf("got %q, want 1,3-5", got)
	}
	if !Of().Equal(Set{}) {
		t.Error("no ranks are not the empty set")
	}
}

func TestSetsAreComparedByTheirRanks(t *testing.T) {
	if a, b := mustParse(t, "0,1,2"), Range(0, 3); !a.Equal(b) || a.Equal(Range(0, 4)) || a.IsEmpty() {
		t.Errorf("%q and %q", a, b)
	}
	if none := Range(0, 3).Minus(Range(0, 4)); !none.IsEmpty() || !none.Equal(Set{}) || none.Len() != 0 {
		t.Errorf("%q is not the empty set", none)
	}
}

func TestMessagesNameTheFirstSpans(t *testing.T) {
	var odd []int32
	for rank := int32(1); rank < 100; rank += 2 {
		odd = append(odd, rank)
	}
	many := "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39 and 30 more"
	for _, tt := range []struct {
		set          Set
		short, words string
	}{
		{Set{}, "", "ranks "},
		{Of(3), "3", "rank 3"},
		{mustParse(t, "1,3-5"), "1,3-5", "ranks 1,3-5"},
		{Of(odd...), many, "ranks " + many},
		{Range(0, 100), "0-99", "ranks 0-99"},
	} {
		if tt.set.Short() != tt.short || tt.set.Words() != tt.words {
			t.Errorf("%q is %q and %q, want %q and %q", tt.set, tt.set.Short(), tt.set.Words(), tt.short, tt.words)
		}
	}
}

// TestParseReadsIndexesOfAJob: in status.completedIndexes, two neighbours are not
// joined.
func TestParseReadsIndexesOfAJob(t *testing.T) {
	if got := mustParse(t, "1,2,4-6,9").String(); got != "1-2,4-6,9" {
		t.Errorf("got %q", got)
	}
}

func TestAllCanBeLeftEarly(t *testing.T) {
	for rank := range mustParse(t, "3-5,8").All() {
		if rank == 4 {
			return
		}
		if rank > 4 {
			t.Fatalf("got %d after the loop was left", rank)
		}
	}
	t.Error("the set has no rank 4")
}

func TestSetIsTextInJSON(t *testing.T) {
	type message struct {
		Ranks Set `json:"ranks"`
		Busy  Set `json:"busy,omitzero"`
	}
	text, err := json.Marshal(message{Ranks: mustParse(t, "1,3-4"), Busy: Range(2, 2)})
	if err != nil || string(text) != `{"ranks":"1,3-4"}` {
		t.Fatalf("%s, %v", text, err)
	}
	var back message
	if err := json.Unmarshal(text, &back); err != nil || back.Ranks.String() != "1,3-4" {
		t.Errorf("%q, %v", back.Ranks, err)
	}
	if err := json.Unmarshal([]byte(`{"ranks":"4-2"}`), &back); err == nil {
		t.Error("a range backwards was accepted")
	}
}

// model is a set in its simplest form, to compare with.
func model(set Set) map[int32]bool {
	ranks := make(map[int32]bool)
	for rank := range set.All() {
		ranks[rank] = true
	}
	return ranks
}

func FuzzSet(f *testing.F) {
	f.Add("0-3,7", "2,5-9")
	f.Add("", "[1-2]")
	f.Add("0-99999", "1,3,5")
	f.Add("3,1", "01")
	f.Fuzz(func(t *testing.T, left, right string) {
		a, errA := Parse(left)
		b, errB := Parse(right)
		if errA != nil || errB != nil {
			return
		}
		if again, err := Parse(a.String()); err != nil || again.String() != a.String() {
			t.Fatalf("%q came back as %q, %v", a, again, err)
		}
		inA, inB := model(a), model(b)
		if a.Len() != len(inA) {
			t.Fatalf("%q has length %d and %d ranks", a, a.Len(), len(inA))
		}
		union, minus := a.Union(b), a.Minus(b)
		inUnion, inMinus := model(union), model(minus)
		both := 0
		for rank := range inA {
			if inB[rank] {
				both++
			}
			if !a.Contains(rank) || a.Intersect(b).Contains(rank) != inB[rank] || !inUnion[rank] || inMinus[rank] == inB[rank] {
				t.Fatalf("rank %d of %q: union %q, minus %q of %q", rank, a, union, minus, b)
			}
			if next := rank + 1; a.Contains(next) != inA[next] {
				t.Fatalf("%q.Contains(%d) = %t", a, next, a.Contains(next))
			}
		}
		for rank := range inB {
			if !inUnion[rank] || inMinus[rank] {
				t.Fatalf("rank %d of %q: union %q, minus %q of %q", rank, b, union, minus, a)
			}
		}
		if len(inUnion) != len(inA)+len(inB)-both || len(inMinus) != len(inA)-both {
			t.Fatalf("%q and %q: union %q, minus %q", a, b, union, minus)
		}
		for _, set := range []Set{union, minus} {
			if canonical, err := Parse(set.String()); err != nil || !slices.Equal(canonical.spans, set.spans) {
				t.Fatalf("%q and %q give %v, which is not canonical", a, b, set.spans)
			}
		}
	})
}

func TestHighestIsTheLastRank(t *testing.T) {
	for text, want := range map[string]int32{"": -1, "0": 0, "1,3-5": 5, "2-3,9": 9} {
		if got := mustParse(t, text).Highest(); got != want {
			t.Errorf("the highest of %q is %d, want %d", text, got, want)
		}
	}
}
