package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
)

// result is a line of the table that ends a run.
type result struct {
	module string
	time   string
	how    string
}

// provideTools fills the bin folder of the work tree.
func provideTools(ctx context.Context, t *tree) error {
	pinned, err := t.readVersions(ctx)
	if err != nil {
		return err
	}
	plan := choose(t.probe(ctx, pinned), pinned)
	for _, c := range plan.choices() {
		fmt.Println(c)
	}
	if plan.unfit != nil {
		return plan.unfit
	}
	if err = os.MkdirAll(filepath.Join(t.state, "pulumi"), 0o755); err != nil {
		return fmt.Errorf("make the folder of Pulumi's state: %w", err)
	}
	modules := t.catalogue(pinned, plan)
	keys, results, err := cache{t.cache}.provide(ctx, modules)
	if err != nil {
		return err
	}
	var programs []program
	for _, m := range modules {
		programs = append(programs, m.programs...)
	}
	if err := (cache{t.cache}).link(t.bin, programs, keys, t.everyName(pinned)); err != nil {
		return err
	}
	printTable(results)
	return nil
}

// provide makes sure that the programs of the modules are in the cache, and
// returns their keys.
func (c cache) provide(ctx context.Context, modules []module) (map[string]string, []result, error) {
	keys := map[string]string{}
	var results []result
	var ahead sync.Once
	ctx, cancel := context.WithCancel(ctx)
	var prefetch sync.WaitGroup
	defer prefetch.Wait()
	defer cancel()
	for i, m := range modules {
		s := startStep(os.Stderr, fmt.Sprintf("[%d/%d] %s (%s)", i+1, len(modules), m.title, plural(len(m.programs), "program")))
		s.set("looking for it in the cache")
		how, err := func() (string, error) {
			moduleKeys, err := m.keys(ctx, downloads(s))
			if err != nil {
				return "", err
			}
			for name, key := range moduleKeys {
				keys[name] = key
			}
			if len(c.missing(m.programs, keys)) == 0 {
				return "cached", nil
			}
			release, err := c.lock(ctx, m.name, func() { s.set("waiting for another run that compiles it into %s", c.dir) })
			if err != nil {
				return "", err
			}
			defer release()
			// Another run may have compiled them while this one waited.
			missing := c.missing(m.programs, keys)
			if len(missing) == 0 {
				return "cached", nil
			}
			m.programs = missing
			ahead.Do(func() { prefetch.Go(func() { download(ctx, modules[i+1:]) }) })
			if err := c.build(ctx, m, keys, s); err != nil {
				return "", err
			}
			return "built " + strings.Join(names(missing), ", "), nil
		}()
		if err != nil {
			s.end("failed")
			return nil, nil, err
		}
		s.end(how)
		results = append(results, result{module: m.title, time: shortTime(s.elapsed()), how: how})
	}
	return keys, results, nil
}

// download fetches what later steps need while the compiler works, so network and
// processor wait less for each other. It does not report a failure: the step that
// needs the module fails again and reports it.
func download(ctx context.Context, modules []module) {
	for _, m := range modules {
		_, _ = m.list(ctx, func(string) {})
	}
}

// downloads returns a function that shows the modules which the go command
// says that it downloads.
func downloads(s *step) func(line string) {
	count := 0
	return func(line string) {
		if module, ok := strings.CutPrefix(line, "go: downloading "); ok {
			count++
			s.set("downloading modules, %d so far, now %s", count, module)
		}
	}
}

func (c cache) missing(programs []program, keys map[string]string) []program {
	var missing []program
	for _, p := range programs {
		if !c.has(p.name, keys[p.name]) {
			missing = append(missing, p)
		}
	}
	return missing
}

// build compiles the module's programs and puts them into the cache.
func (c cache) build(ctx context.Context, m module, keys map[string]string, s *step) error {
	work, err := os.MkdirTemp(c.workDir(m.name), "build-*")
	if err != nil {
		return fmt.Errorf("make a folder to compile into: %w", err)
	}
	defer os.RemoveAll(work)
	logPath := c.logFile(m.name)
	if err := m.compile(ctx, work, logPath, s); err != nil {
		return err
	}
	var errs []error
	for _, p := range m.programs {
		errs = append(errs, c.put(p.name, keys[p.name], filepath.Join(work, p.name)))
	}
	return errors.Join(errs...)
}

func printTable(results []result) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STEP\tTIME\tRESULT")
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.module, r.time, r.how)
	}
	table.Flush()
}

func names(programs []program) []string {
	var all []string
	for _, p := range programs {
		all = append(all, p.name)
	}
	return all
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
