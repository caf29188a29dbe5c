package build

// AnnotationContentHash, on an object that can be changed while ranks run, is the
// hash of all that we set in it. A field that we set no more changes it.
const AnnotationContentHash = "flux-framework.org/content-hash"

func contentAnnotation(object any) map[string]string {
	return map[string]string{AnnotationContentHash: hash(object)}
}

// UpToDate tells whether live, an object as read from the API server, has all
// that wanted, as built by this package, sets. When it has not, the wish has
// changed, or somebody has changed the object: apply wanted. What the API server
// and others add does not count, but for further items of lists.
//
// It is for all objects but the Job, which cannot be changed at will (see
// TemplateHash), and the Secret, which is immutable.
func UpToDate(wanted, live any) bool {
	want, ok := asJSON(wanted).(map[string]any)
	if !ok {
		return true // nothing is wanted
	}
	// Objects out of a cache have neither.
	delete(want, "apiVersion")
	delete(want, "kind")
	return covers(asJSON(live), want)
}

// covers tells whether live has all that want has.
func covers(live, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		live, ok := live.(map[string]any)
		if !ok {
			return false
		}
		for name, value := range want {
			if has, found := live[name]; !found || !covers(has, value) {
				return false
			}
		}
		return true
	case []any:
		live, ok := live.([]any)
		if !ok || len(live) != len(want) {
			return false
		}
		for i := range want {
			if !covers(live[i], want[i]) {
				return false
			}
		}
		return true
	}
	return live == want
}
