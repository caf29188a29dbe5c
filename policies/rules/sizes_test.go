package rules

const (
	malformedSize = `: Malformed: spec.size "two" must be a whole number of at most 32 bits`
	unknownSize   = `: NotKnownYet: cannot be checked yet: spec.size is not known before the update`
)

var sizeCases = []testCase{
	{
		rule: "minicluster-size", kind: violating, name: "above maxSize",
		stack: []string{`mc m {spec: {size: 9, minSize: 2, maxSize: 4}}`},
		want:  []string{`m: SizeAboveMaximum: size 9 must be at most maxSize 4`},
	},
	{
		rule: "minicluster-size", kind: violating, name: "no lead",
		stack: []string{`mc1 m {spec: {size: 0}}`},
		want:  []string{`m: SizeBelowMinimum: size 0 must be at least minSize 1`},
	},
	{
		rule: "minicluster-size", kind: violating, name: "above the size at creation",
		stack:   []string{`mc m {spec: {size: 5}}`},
		outputs: map[string]string{"m": `{status: {maximumSize: 4}}`},
		want:    []string{`m: SizeAboveMaximum: size 5 must be at most status.maximumSize 4`},
	},
	{
		rule: "minicluster-size", kind: violating, name: "of the component",
		stack: []string{`component m {name: a, size: 9, minSize: 2, maxSize: 4}`},
		want:  []string{`m: SizeAboveMaximum: size 9 must be at most maxSize 4`},
	},
	{
		rule: "minicluster-size", kind: violating, name: "a secret",
		stack: []string{`mc m {spec: {$secret: {size: 9, minSize: 2, maxSize: 4}}}`},
		want:  []string{`m: SizeAboveMaximum: size is out of bounds; the values are not shown, since they are secret`},
	},
	{rule: "minicluster-size", kind: conforming, name: "within", stack: []string{`mc m {spec: {size: 3, minSize: 2, maxSize: 4}}`}},
	{rule: "minicluster-size", kind: conforming, name: "component that hides nothing", stack: []string{`component m {}`}},
	{rule: "minicluster-size", kind: conforming, name: "defaults", stack: []string{`mc m {spec: {containers: []}}`}},
	{rule: "minicluster-size", kind: conforming, name: "wrong bounds are another rule's", stack: []string{`mc m {spec: {size: 3, minSize: 0}}`}},
	{
		rule: "minicluster-size", kind: notKnown, name: "fields", stack: []string{`mc m {spec: {size: "?", minSize: 2, maxSize: "?"}}`},
		want: []string{`m: NotKnownYet: cannot be checked yet: spec.size, spec.maxSize are not known before the update`},
	},
	{
		rule: "minicluster-size", kind: notKnown, name: "spec", stack: []string{`mc m {spec: "?"}`},
		want: []string{`m: NotKnownYet: cannot be checked yet: spec.size, spec.minSize, spec.maxSize are not known before the update`},
	},
	{
		rule: "minicluster-size", kind: wrongType, name: "text", stack: []string{`mc m {spec: {size: two}}`},
		want: []string{"m" + malformedSize},
	},
	{
		rule: "minicluster-size", kind: wrongType, name: "fraction", stack: []string{`mc m {spec: {size: 1.5}}`},
		want: []string{`m: Malformed: spec.size 1.5 must be a whole number of at most 32 bits`},
	},
	{
		rule: "minicluster-size", kind: wrongType, name: "spec", stack: []string{`mc m {spec: [1]}`},
		want: []string{`m: Malformed: spec (a list) must be an object`},
	},
	{
		rule: "minicluster-bounds", kind: violating, name: "upside down",
		stack: []string{`mc m {spec: {size: 4, minSize: 5, maxSize: 4}}`},
		want:  []string{`m: MinSizeAboveMaxSize: minSize 5 must be at most maxSize 4`},
	},
	{
		rule: "minicluster-bounds", kind: violating, name: "below one and above what a Job can hold",
		stack: []string{`component m {size: 4, minSize: 0, maxSize: 100001}`},
		want: []string{
			`m: MinSizeTooSmall: minSize 0 must be at least 1`, `m: MaxSizeTooLarge: maxSize 100001 must be at most 100000`,
		},
	},
	{rule: "minicluster-bounds", kind: conforming, name: "consistent", stack: []string{`mc m {spec: {size: 9, minSize: 4, maxSize: 4}}`}},
	{
		rule: "minicluster-bounds", kind: notKnown, name: "maxSize", stack: []string{`mc m {spec: {maxSize: "?"}}`},
		want: []string{`m: NotKnownYet: cannot be checked yet: spec.maxSize is not known before the update`},
	},
	{
		rule: "minicluster-bounds", kind: wrongType, name: "list", stack: []string{`mc m {spec: {minSize: [2]}}`},
		want: []string{`m: Malformed: spec.minSize (a list) must be a whole number of at most 32 bits`},
	},
	{
		rule: "minicluster-live-size", kind: violating, name: "maxSize below the live size",
		stack:   []string{`mc m {spec: {size: 2, maxSize: 3}}`},
		outputs: map[string]string{"m": `{status: {size: 4}}`},
		want:    []string{`m: MaxSizeBelowLiveSize: maxSize 3 must be at least the live size 4`},
	},
	{
		rule: "minicluster-live-size", kind: conforming, name: "room", stack: []string{`mc m {spec: {size: 2, maxSize: 4}}`},
		outputs: map[string]string{"m": `{status: {size: 4}}`},
	},
	{rule: "minicluster-live-size", kind: conforming, name: "not made yet", stack: []string{`mc m {spec: {size: "?"}}`}},
	{
		rule: "minicluster-live-size", kind: notKnown, name: "maxSize", stack: []string{`mc m {spec: {maxSize: "?"}}`},
		outputs: map[string]string{"m": `{status: {size: 4}}`},
		want:    []string{`m: NotKnownYet: cannot be checked yet: spec.maxSize is not known before the update`},
	},
	{
		rule: "minicluster-live-size", kind: wrongType, name: "size", stack: []string{`mc m {spec: {size: two}}`},
		outputs: map[string]string{"m": `{status: {size: 4}}`},
		want:    []string{"m" + malformedSize},
	},
	{
		rule: "minicluster-maximum", kind: violating, name: "maxSize", settings: Settings{"maximum": 32.0},
		stack: []string{`mc m {spec: {size: 2, maxSize: 33}}`, `component c {maxSize: 33}`},
		want: []string{
			`m: MaximumAboveAllowed: maxSize 33 must be at most 32, which the organization allows`,
			`c: MaximumAboveAllowed: maxSize 33 must be at most 32, which the organization allows`,
		},
	},
	{
		rule: "minicluster-maximum", kind: violating, name: "size at creation", settings: Settings{"maximum": 32.0},
		stack: []string{`mc m {spec: {size: 64}}`},
		want:  []string{`m: MaximumAboveAllowed: size 64 must be at most 32, which the organization allows`},
	},
	{rule: "minicluster-maximum", kind: conforming, name: "by default", stack: []string{`mc m {spec: {maxSize: 100000}}`}},
	{rule: "minicluster-maximum", kind: conforming, name: "at the limit", settings: Settings{"maximum": 32.0}, stack: []string{`mc m {spec: {maxSize: 32}}`}},
	{
		rule: "minicluster-maximum", kind: notKnown, name: "maxSize", stack: []string{`mc m {spec: {maxSize: "?"}}`},
		want: []string{`m: NotKnownYet: cannot be checked yet: spec.maxSize is not known before the update`},
	},
	{
		rule: "minicluster-maximum", kind: wrongType, name: "maxSize", stack: []string{`mc m {spec: {maxSize: true}}`},
		want: []string{`m: Malformed: spec.maxSize true must be a whole number of at most 32 bits`},
	},
	{
		rule: "minicluster-resize", kind: violating, name: "growth", stack: []string{`mc m {spec: {size: 8, maxSize: 10}}`},
		outputs: map[string]string{"m": `{status: {size: 2}}`},
		want:    []string{`m: LargeResize: size 8, now 2, changes by 6 ranks at once: more than 50% of maxSize 10`},
	},
	{
		rule: "minicluster-resize", kind: violating, name: "shrinking, by another share", settings: Settings{"share": 0.1},
		stack:   []string{`mc m {spec: {size: 2, maxSize: 10}}`},
		outputs: map[string]string{"m": `{status: {size: 4}}`},
		want:    []string{`m: LargeResize: size 2, now 4, changes by 2 ranks at once: more than 10% of maxSize 10`},
	},
	{
		rule: "minicluster-resize", kind: conforming, name: "small", stack: []string{`mc m {spec: {size: 4, maxSize: 4}}`},
		outputs: map[string]string{"m": `{status: {size: 2}}`},
	},
	{
		rule: "minicluster-resize", kind: conforming, name: "the autoscaler's size", stack: []string{`mc m {$ignoreChanges: spec.size, spec: {size: 2, maxSize: 10}}`},
		outputs: map[string]string{"m": `{status: {size: 10}}`},
	},
	{
		rule: "minicluster-resize", kind: notKnown, name: "size", stack: []string{`mc m {spec: {size: "?"}}`},
		outputs: map[string]string{"m": `{status: {size: 2}}`},
		want:    []string{"m" + unknownSize},
	},
	{
		rule: "minicluster-resize", kind: wrongType, name: "size", stack: []string{`mc m {spec: {size: two}}`},
		outputs: map[string]string{"m": `{status: {size: 2}}`},
		want:    []string{"m" + malformedSize},
	},
}
