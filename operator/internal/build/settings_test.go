package build

import "testing"

func TestFeaturesAreUsedWhereTheyAreOnByDefault(t *testing.T) {
	all := Features{SuccessPolicy: true}
	for _, c := range []struct {
		major, minor int
		want         Features
	}{
		{1, 30, Features{}},
		{1, 31, all},
		{1, 34, all},
		{2, 0, all},
		{0, 99, Features{}},
	} {
		if got := FeaturesOf(c.major, c.minor); got != c.want {
			t.Errorf("FeaturesOf(%d, %d) = %+v, want %+v", c.major, c.minor, got, c.want)
		}
	}
}
