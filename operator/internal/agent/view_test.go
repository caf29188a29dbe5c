package agent

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEnvironmentPutsTheViewLast(t *testing.T) {
	base := []string{"PATH=/usr/bin:/bin", "HOME=/root", "LD_LIBRARY_PATH="}
	wantStrings(t, environment(base, "", "/p", "/site"), base)
	wantStrings(t, environment(base, "/mnt/flux", "", "/site"), []string{
		"PATH=/usr/bin:/bin:/mnt/flux/view/bin", "HOME=/root", "LD_LIBRARY_PATH=/mnt/flux/view/lib", "PYTHONPATH=/site",
	})
	wantStrings(t, environment([]string{"PYTHONPATH=/mine"}, "/m", "/wished", "/site"), []string{
		"PYTHONPATH=/mine:/wished", "PATH=/m/view/bin", "LD_LIBRARY_PATH=/m/view/lib",
	})
	wantStrings(t, base, []string{"PATH=/usr/bin:/bin", "HOME=/root", "LD_LIBRARY_PATH="})
}

func TestCopiedViewWorksWhereItIsMounted(t *testing.T) {
	image, mount, rank := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(name string, mode os.FileMode) {
		path := filepath.Join(image, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(name), 0o600))
		must(t, os.Chmod(path, mode))
	}
	write("software/linux/gcc/flux-core/bin/flux", 0o755)
	write("software/linux/gcc/python/lib/os.py", 0o444)
	must(t, os.Link(filepath.Join(image, "software/linux/gcc/python/lib/os.py"), filepath.Join(image, "software/linux/gcc/python/lib/os2.py")))
	must(t, os.Chmod(filepath.Join(image, "software/linux/gcc/python/lib"), 0o555))
	t.Cleanup(func() { // or the folders could not be removed
		for _, root := range []string{filepath.Join(image, "software"), mountedSoftware(mount)} {
			_ = os.Chmod(filepath.Join(root, "linux/gcc/python/lib"), 0o755)
		}
	})
	write("views/._view/abc/lib/python3.11/site-packages/flux.py", 0o644)
	must(t, os.MkdirAll(filepath.Join(image, "views/._view/abc/bin"), 0o755))
	must(t, os.Symlink(filepath.Join(rank, "opt/software/linux/gcc/flux-core/bin/flux"), filepath.Join(image, "views/._view/abc/bin/flux")))
	must(t, os.Symlink(filepath.Join(image, "views/._view/abc"), filepath.Join(image, "view")))

	from := view{links: filepath.Join(image, "view"), software: filepath.Join(image, "software")}
	must(t, copyView(from, mount))
	must(t, copyView(from, mount)) // the init container was restarted

	lib := filepath.Join(mountedSoftware(mount), "linux/gcc/python/lib")
	info, err := os.Stat(lib)
	must(t, err)
	first, err := os.Stat(filepath.Join(lib, "os.py"))
	must(t, err)
	second, err := os.Stat(filepath.Join(lib, "os2.py"))
	must(t, err)
	if info.Mode().Perm() != 0o555 || first.Mode().Perm() != 0o444 || !os.SameFile(first, second) {
		t.Errorf("modes %v, %v, one file %v", info.Mode(), first.Mode(), os.SameFile(first, second))
	}
	if got, want := sitePackages(mount), filepath.Join(mount, "view/lib/python3.11/site-packages"); got != want {
		t.Errorf("site-packages %q, want %q", got, want)
	}

	// The rank's image has software of its own beside the view's.
	own := filepath.Join(rank, "opt/software/linux/gcc/lammps")
	must(t, os.MkdirAll(own, 0o755))
	at := view{links: filepath.Join(rank, "opt/view"), software: filepath.Join(rank, "opt/software")}
	must(t, at.link(mount))
	must(t, at.link(mount))
	flux, err := findProgram("flux", []string{"PATH=" + filepath.Join(rank, "opt/view/bin")})
	must(t, err)
	if text, err := os.ReadFile(flux); err != nil || string(text) != "software/linux/gcc/flux-core/bin/flux" {
		t.Errorf("%s holds %q, %v", flux, text, err)
	}
	if !exists(own) {
		t.Error("the image's own software is gone")
	}
}

func TestInstallReplacesTheProgramAtOnce(t *testing.T) {
	target := filepath.Join(t.TempDir(), "agent")
	must(t, os.WriteFile(target, []byte("old"), 0o600))
	must(t, install(target))
	info, err := os.Stat(target)
	must(t, err)
	self, err := os.Executable()
	must(t, err)
	want, err := os.Stat(self)
	must(t, err)
	if info.Mode().Perm() != 0o755 || info.Size() != want.Size() {
		t.Errorf("mode %v, %d bytes, want 0755 and %d", info.Mode(), info.Size(), want.Size())
	}
	if entries, err := os.ReadDir(filepath.Dir(target)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestCoresAreBoundByTheCgroup(t *testing.T) {
	for cpuMax, want := range map[string]int32{
		"": 8, "max 100000\n": 8, "100000 100000\n": 1, "150000 100000": 2, "1000 100000": 1,
		"9900000 100000": 8, "0 100000": 8, "x y": 8,
	} {
		if got := cores(8, cpuMax); got != want {
			t.Errorf("cpu.max %q: %d cores, want %d", cpuMax, got, want)
		}
	}
}
