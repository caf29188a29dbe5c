package bounds

import (
	"slices"
	"testing"
)

func TestCheckNamesFieldValueAndBound(t *testing.T) {
	tests := []struct {
		name  string
		sizes Sizes
		want  []string
	}{
		{"within", Sizes{Size: 3, MinSize: 2, MaxSize: 4}, nil},
		{"at the minimum", Sizes{Size: 2, MinSize: 2, MaxSize: 4}, nil},
		{"at the maximum", Sizes{Size: 4, MinSize: 2, MaxSize: 4}, nil},
		{"above maxSize", Sizes{Size: 9, MinSize: 2, MaxSize: 4}, []string{"size 9 must be at most maxSize 4"}},
		{"below minSize", Sizes{Size: 1, MinSize: 2, MaxSize: 4}, []string{"size 1 must be at least minSize 2"}},
		{"no ranks", Sizes{Size: 0, MinSize: 1, MaxSize: 4}, []string{"size 0 must be at least minSize 1"}},
		{"any size at creation", Sizes{Size: 7, MinSize: 1}, nil},
		{"above the size at creation", Sizes{Size: 7, MinSize: 1, MaximumSize: 5}, []string{"size 7 must be at most status.maximumSize 5"}},
		{"maxSize wins over the size at creation", Sizes{Size: 7, MinSize: 1, MaxSize: 8, MaximumSize: 5}, nil},
		{"zero minimum", Sizes{Size: 0, MinSize: 0, MaxSize: 4}, []string{
			"minSize 0 must be at least 1", "size 0 must be at least 1",
		}},
		{"minimum above maximum", Sizes{Size: 4, MinSize: 5, MaxSize: 4}, []string{
			"minSize 5 must be at most maxSize 4", "size 4 must be at least minSize 5",
		}},
		{"room for the live ranks", Sizes{Size: 3, MinSize: 1, MaxSize: 4, LiveSize: 4}, nil},
		{"less room than live ranks", Sizes{Size: 2, MinSize: 1, MaxSize: 3, LiveSize: 4}, []string{
			"maxSize 3 must be at least the live size 4",
		}},
		{"no maxSize, so no less room", Sizes{Size: 2, MinSize: 1, LiveSize: 4}, nil},
		{"beyond what a Job can hold", Sizes{Size: 100_001, MinSize: 1, MaxSize: 100_001}, []string{
			"maxSize 100001 must be at most 100000",
		}},
		{"beyond what a Job can hold, without maxSize", Sizes{Size: 100_001, MinSize: 1}, []string{
			"size 100001 must be at most 100000",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := messages(Check(tt.sizes)); !slices.Equal(got, tt.want) {
				t.Errorf("Check(%+v) = %q, want %q", tt.sizes, got, tt.want)
			}
		})
	}
}

func TestViolationCarriesItsParts(t *testing.T) {
	got := Check(Sizes{Size: 9, MinSize: 2, MaxSize: 4})
	want := Violation{
		Field: "size", Value: 9, BoundField: "maxSize", Bound: 4,
		Reason: ReasonSizeAboveMaximum, Message: "size 9 must be at most maxSize 4",
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got[0].Error() != want.Message {
		t.Errorf("Error() = %q, want the message", got[0].Error())
	}
}

func TestViolationByLiveRanksNamesTheStatusField(t *testing.T) {
	got := Check(Sizes{Size: 2, MinSize: 1, MaxSize: 3, LiveSize: 4})
	want := Violation{
		Field: "maxSize", Value: 3, BoundField: "status.size", Bound: 4,
		Reason: ReasonMaxSizeBelowLive, Message: "maxSize 3 must be at least the live size 4",
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCheckReplicasKeepsTheAutoscalerWithinTheSizes(t *testing.T) {
	sizes := Sizes{Size: 2, MinSize: 2, MaxSize: 4}
	tests := []struct {
		name             string
		sizes            Sizes
		minimum, maximum int
		want             []string
	}{
		{"the same", sizes, 2, 4, nil},
		{"narrower", sizes, 3, 3, nil},
		{"too few", sizes, 1, 4, []string{"minReplicas 1 must be at least minSize 2"}},
		{"too many", sizes, 2, 9, []string{"maxReplicas 9 must be at most maxSize 4"}},
		{"upside down", sizes, 4, 3, []string{"minReplicas 4 must be at most maxReplicas 3"}},
		{"the size at creation", Sizes{Size: 2, MinSize: 1}, 1, 3, []string{"maxReplicas 3 must be at most size 2"}},
		{"the remembered size", Sizes{Size: 2, MinSize: 1, MaximumSize: 3}, 1, 4, []string{
			"maxReplicas 4 must be at most status.maximumSize 3",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := messages(CheckReplicas(tt.sizes, tt.minimum, tt.maximum))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBoundsPreferTheMaximum(t *testing.T) {
	tests := []struct {
		sizes Sizes
		want  Bounds
	}{
		{Sizes{Size: 2, MinSize: 2, MaxSize: 4}, Bounds{2, 4}},
		{Sizes{Size: 2, MinSize: 5, MaxSize: 4}, Bounds{4, 4}},
		{Sizes{Size: 3, MinSize: 1}, Bounds{1, 3}},
		{Sizes{Size: 3, MinSize: 1, MaximumSize: 6}, Bounds{1, 6}},
		{Sizes{Size: 3, MinSize: -2, MaxSize: -7}, Bounds{1, 1}},
		{Sizes{}, Bounds{1, 1}},
		{Sizes{Size: 3, MinSize: 1, MaxSize: 1 << 30}, Bounds{1, Limit}},
	}
	for _, tt := range tests {
		if got := tt.sizes.Bounds(); got != tt.want {
			t.Errorf("%+v.Bounds() = %+v, want %+v", tt.sizes, got, tt.want)
		}
	}
}

// FuzzClamp holds the three parts of the package together: whatever the sizes,
// Bounds are consistent, Clamp keeps to them and changes nothing twice; and where
// only the size can be wrong, Check finds it exactly when Clamp moves it.
func FuzzClamp(f *testing.F) {
	f.Add(2, 2, 4, 0, 5)
	f.Add(9, 2, 4, 0, 0)
	f.Add(1, 5, 4, 3, 0)
	f.Add(7, 1, 0, 5, 0)
	f.Add(-1, -1, -1, -1, 0)
	f.Add(Limit+1, 1, Limit+1, 0, 0)
	f.Fuzz(func(t *testing.T, size, minSize, maxSize, maximumSize, liveSize int) {
		s := Sizes{Size: size, MinSize: minSize, MaxSize: maxSize, MaximumSize: maximumSize, LiveSize: liveSize}
		b := s.Bounds()
		if b.Min < 1 || b.Min > b.Max || b.Max > Limit {
			t.Fatalf("%+v: inconsistent bounds %+v", s, b)
		}
		clamped := b.Clamp(size)
		if clamped < b.Min || clamped > b.Max {
			t.Fatalf("%+v: clamped to %d, outside %+v", s, clamped, b)
		}
		if again := b.Clamp(clamped); again != clamped {
			t.Fatalf("%+v: Clamp is not idempotent: %d, then %d", s, clamped, again)
		}
		violations := Check(s)
		if len(violations) == 0 && maxSize != 0 && liveSize != 0 && b.Clamp(liveSize) != max(liveSize, b.Min) {
			t.Fatalf("%+v: no violation, yet no room for the live ranks in %+v", s, b)
		}
		// The operator never remembers a maximum beyond the limit.
		if len(violations) == 0 && clamped != size && maximumSize <= Limit {
			t.Fatalf("%+v: no violation, yet clamped to %d", s, clamped)
		}
		onlySize := !slices.ContainsFunc(violations, func(v Violation) bool { return v.Field != "size" })
		consistent := maximumSize >= minSize || maxSize != 0 || maximumSize == 0
		if onlySize && consistent && maximumSize >= 0 && maximumSize <= Limit && len(violations) > 0 && clamped == size {
			t.Fatalf("%+v: %v, yet Clamp leaves it", s, violations)
		}
		for _, v := range violations {
			if v.Field == "" || v.Reason == "" || v.Message == "" {
				t.Fatalf("%+v: incomplete violation %+v", s, v)
			}
		}
	})
}

func messages(violations []Violation) []string {
	var out []string
	for _, v := range violations {
		out = append(out, v.Message)
	}
	return out
}
