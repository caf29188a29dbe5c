package crds

import "testing"

func TestSizesAreRefused(t *testing.T) { checkRefusals(t, sizeRefusals) }

var sizeRefusals = []refusal{
	{"no ranks", `size: 0`, []string{
		`spec.size: Invalid value: size 0 must be at least minSize 1`,
	}},
	{"minSize below 1", `minSize: 0`, []string{
		`spec.minSize: Invalid value: minSize 0 must be at least 1`,
	}},
	{"size below minSize", `size: 1, minSize: 2, maxSize: 4`, []string{
		`spec.size: Invalid value: size 1 must be at least minSize 2`,
	}},
	{"size above maxSize", `size: 9, minSize: 2, maxSize: 4`, []string{
		`spec.size: Invalid value: size 9 must be at most maxSize 4`,
	}},
	{"minSize above maxSize", `size: 4, minSize: 5, maxSize: 4`, []string{
		`spec.minSize: Invalid value: minSize 5 must be at most maxSize 4`,
		`spec.size: Invalid value: size 4 must be at least minSize 5`,
	}},
	{"more ranks than an Indexed Job can hold", `size: 100001, maxSize: 100001`, []string{
		`spec.maxSize: Invalid value: maxSize 100001 must be at most 100000`,
	}},
	{"size that is no number", `size: many`, []string{
		`spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"`,
	}},
	{"size that is no whole number", `size: 1.5`, []string{
		`spec.size: Invalid value: "float64": spec.size in body must be of type int32: "float64"`,
		`<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.size`,
	}},
	{"fewer tasks than none", `tasks: -1`, []string{
		`spec.tasks: Invalid value: -1: spec.tasks in body should be greater than or equal to 0`,
	}},
	{"negative backoffLimit", `backoffLimit: -1`, []string{
		`spec.backoffLimit: Invalid value: -1: spec.backoffLimit in body should be greater than or equal to 0`,
	}},
	{"negative deadline", `deadlineSeconds: -1`, []string{
		`spec.deadlineSeconds: Invalid value: -1: spec.deadlineSeconds in body should be greater than or equal to 0`,
	}},
	{"negative drain timeout", `scaleDown: {drainTimeoutSeconds: -1}`, []string{
		`spec.scaleDown.drainTimeoutSeconds: Invalid value: -1: spec.scaleDown.drainTimeoutSeconds in body should be greater than or equal to 0`,
	}},
	{"grace period too short", `pod: {terminationGracePeriodSeconds: 4}`, []string{
		`spec.pod.terminationGracePeriodSeconds: Invalid value: 4: spec.pod.terminationGracePeriodSeconds in body should be greater than or equal to 5`,
	}},
}
