package corpus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verdict is what an API server says of a manifest.
type Verdict struct {
	Manifest
	Refused bool
	Because []string // the complaints
	// Elsewhere: the other definition refuses the manifest too, so that it never ran.
	Elsewhere bool
}

// Tally counts the manifests of one version of the API. Different counts specs: many
// files are copies of each other.
type Tally struct {
	Manifests, Refused, Elsewhere int
	Different, DifferentRefused   int
}

// Share is how many of the manifests are refused that ran elsewhere, in percent.
func (t Tally) Share() float64 { return percent(t.Refused-t.Elsewhere, t.Manifests) }

func percent(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// Count counts the manifests of each version.
func Count(verdicts []Verdict) map[string]Tally {
	tallies := map[string]Tally{}
	seen := map[string]bool{}
	for _, v := range verdicts {
		t := tallies[v.Object.GetAPIVersion()]
		t.Manifests++
		if v.Refused {
			t.Refused++
			if v.Elsewhere {
				t.Elsewhere++
			}
		}
		if !seen[v.Identity()] {
			seen[v.Identity()] = true
			t.Different++
			if v.Refused {
				t.DifferentRefused++
			}
		}
		tallies[v.Object.GetAPIVersion()] = t
	}
	return tallies
}

// Identity is the same for manifests with the same spec and version.
func (m Manifest) Identity() string {
	spec, err := json.Marshal(m.Object.Object["spec"])
	if err != nil {
		panic(err) // it was read from JSON
	}
	return m.Object.GetAPIVersion() + " " + string(spec)
}

// group is all manifests of one version with the same complaint.
type group struct {
	version, complaint, example string
	manifests, elsewhere        int
	different, folders          map[string]bool
}

// Report is a table of all verdicts: how many manifests were taken, and the complaints
// about the others, the most frequent first.
func Report(verdicts []Verdict) string {
	var b strings.Builder
	tallies := Count(verdicts)
	groups := groupsOf(verdicts)
	for _, version := range slices.Sorted(maps.Keys(tallies)) {
		t := tallies[version]
		fmt.Fprintf(&b, "%s: %d manifests, %d taken, %d refused (%.1f %%); %d different specs, %d refused (%.1f %%)\n",
			version, t.Manifests, t.Manifests-t.Refused, t.Refused, percent(t.Refused, t.Manifests),
			t.Different, t.DifferentRefused, percent(t.DifferentRefused, t.Different))
		if t.Elsewhere > 0 {
			fmt.Fprintf(&b, "%d of the refused are refused by the other definition too; the others are %.1f %%\n", t.Elsewhere, t.Share())
		}
		fmt.Fprintf(&b, "%9s %9s %9s %9s  %s\n", "manifests", "different", "folders", "elsewhere", "complaint, and an example")
		for _, g := range groups {
			if g.version == version {
				fmt.Fprintf(&b, "%9d %9d %9d %9d  %s\n%41s%s\n", g.manifests, len(g.different), len(g.folders), g.elsewhere, g.complaint, "", g.example)
			}
		}
	}
	return b.String()
}

func groupsOf(verdicts []Verdict) []*group {
	found := map[string]*group{}
	for _, v := range verdicts {
		for _, complaint := range v.Because {
			version := v.Object.GetAPIVersion()
			g := found[version+complaint]
			if g == nil {
				g = &group{version: version, complaint: complaint, example: v.File, different: map[string]bool{}, folders: map[string]bool{}}
				found[version+complaint] = g
			}
			g.manifests++
			if v.Elsewhere {
				g.elsewhere++
			}
			g.different[v.Identity()] = true
			folder, _, _ := strings.Cut(v.File, "/")
			g.folders[folder] = true
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *group) int {
		return cmp.Or(b.manifests-a.manifests, strings.Compare(a.complaint, b.complaint))
	})
}
