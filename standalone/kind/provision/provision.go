// Package provision decides what clusters of kind on this machine run on, and
// provides it. It takes the machine's container engine and a released node image if
// it can, and otherwise its own engine and an image made here.
//
// All work trees share one engine. Up, Resume and Down hold its lock, and it has a
// record of each tree that uses it. So no tree removes it while another has no
// container in it yet.
package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/provider/kind"
	"github.com/gopherlocks/gopherlocks/standalone/kind/dockerd"
	"github.com/gopherlocks/gopherlocks/standalone/kind/nodeimage"
)

// DefaultMirror is where Debian's packages come from.
const DefaultMirror = "http://deb.debian.org/debian"

// ownEngine is the engine that is started if no other works.
var ownEngine = dockerd.Engine{Dir: containerengine.OwnDir}

// Up provides what is missing. It prints one line for each part that it took.
func Up(ctx context.Context, folders Folders) error {
	engine, err := containerengine.WithoutOwn().Find(ctx)
	// A cluster stays where it is, even if the machine has an engine by now.
	if err == nil && !folders.usesOwn() {
		fmt.Printf("container engine: using %s of this machine\n", engine.Program)
		image, imageErr := provideImage(ctx, folders, engine)
		if imageErr != nil {
			return imageErr
		}
		return containerengine.Provided{NodeImage: image}.Save(folders.state)
	}
	if err != nil {
		if taken := containerengine.WithoutOwn().CheckOwn(folders.state, err); taken != nil {
			return taken
		}
		fmt.Printf("container engine: none that works (%v); using Debian's Docker, unpacked, in %s\n", err, ownEngine.Dir)
	} else {
		fmt.Printf("container engine: using Debian's Docker in %s, as before; `make destroy` of the stacks on it ends that\n", ownEngine.Dir)
	}
	return whileLocked(ctx, func() error {
		engine, err := startOwn(ctx, folders)
		if err != nil {
			return err
		}
		if err = usersOf(ownEngine.Dir).add(folders.state); err != nil {
			return err
		}
		image, err := provideImage(ctx, folders, engine)
		if err != nil {
			return err
		}
		return containerengine.Provided{DockerHost: ownEngine.Host(), NodeImage: image}.Save(folders.state)
	})
}

// usesOwn says whether this tree was given our own engine, and the engine still
// exists. It need not run.
func (f Folders) usesOwn() bool {
	_, err := os.Stat(ownEngine.Dir)
	return err == nil && containerengine.LoadProvided(f.state).DockerHost == ownEngine.Host()
}

// Resume starts the engine of Up again, such as after a reboot, so that a cluster
// in it can be removed. It does nothing if there is none.
func Resume(ctx context.Context, folders Folders) error {
	if !folders.usesOwn() {
		return nil
	}
	return whileLocked(ctx, func() error {
		_, err := startOwn(ctx, folders)
		return err
	})
}

// whileLocked runs do while no other work tree changes our own engine.
func whileLocked(ctx context.Context, do func() error) error {
	if os.Geteuid() != 0 {
		return errors.New("a Docker Engine of its own needs root: run the command as root")
	}
	lock, err := flock.AcquireTelling(ctx, ownEngine.Dir+".lock", func() {
		fmt.Println("container engine: waiting for another run that provides or removes it")
	})
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }() // A file that cannot be removed is used again.
	return do()
}

// startOwn starts our own engine unless it runs, and returns its command line.
func startOwn(ctx context.Context, folders Folders) (containerengine.Engine, error) {
	unpacked, err := dockerd.Unpack(ctx, folders.Cached("docker"))
	if err != nil {
		return containerengine.Engine{}, err
	}
	if err := folders.linkDocker(unpacked); err != nil {
		return containerengine.Engine{}, err
	}
	if err := ownEngine.Start(ctx, unpacked); err != nil {
		return containerengine.Engine{}, err
	}
	if err := os.Setenv("DOCKER_HOST", ownEngine.Host()); err != nil {
		return containerengine.Engine{}, err
	}
	return containerengine.Engine{Machine: containerengine.Here(), Program: containerengine.Docker}, nil
}

// NodeImage provides a node image on the engine that works, and returns its
// reference.
func NodeImage(ctx context.Context, folders Folders) (string, error) {
	engine, err := containerengine.Here().Find(ctx)
	if err != nil {
		return "", err
	}
	built, err := provideImage(ctx, folders, engine)
	if built == "" && err == nil {
		return kind.DefaultNodeImage, nil
	}
	return built, err
}

// provideImage returns the reference of an image that was built, or "" if the
// released one can be pulled.
func provideImage(ctx context.Context, folders Folders, engine containerengine.Engine) (string, error) {
	pullCtx, cancel := context.WithTimeout(ctx, containerengine.PullTimeout)
	defer cancel()
	err := kind.EnsureImage(pullCtx, engine, kind.DefaultNodeImage, func(message string) { fmt.Println("node image: " + message) })
	if err == nil {
		fmt.Println("node image: using " + kind.DefaultNodeImage)
		return "", nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	fmt.Println("node image: the released one is not available; using one made of Debian packages and Go modules")
	image, buildErr := build(ctx, folders)
	if buildErr != nil {
		return "", errors.Join(err, buildErr)
	}
	if err := nodeimage.Load(ctx, engine, image); err != nil {
		return "", err
	}
	return image.Reference, nil
}

func build(ctx context.Context, folders Folders) (nodeimage.Image, error) {
	spec, err := folders.imageSpec(ctx)
	if err != nil {
		return nodeimage.Image{}, err
	}
	return nodeimage.Build(ctx, spec, folders.Cached("node"), func(step string) { fmt.Println("node image: " + step) })
}

// Down removes the engine of Up if nothing needs it: no stack of this tree, no
// other tree and no container.
func Down(ctx context.Context, folders Folders) error {
	if stacks := containerengine.KindStacks(folders.state); len(stacks) > 0 {
		fmt.Printf("container engine: kept for the stacks of this folder that have a cluster of kind: %s\n", strings.Join(stacks, ", "))
		return nil
	}
	return whileLocked(ctx, func() error { return down(ctx, folders) })
}

func down(ctx context.Context, folders Folders) error {
	if _, err := os.Stat(ownEngine.Dir); errors.Is(err, os.ErrNotExist) {
		return errors.Join(containerengine.Provided{}.Save(folders.state), folders.unlinkDocker())
	}
	// An engine that ended by itself, such as at a reboot, may have containers too.
	if _, err := startOwn(ctx, folders); err != nil {
		return err
	}
	users := usersOf(ownEngine.Dir)
	if err := users.remove(folders.state); err != nil {
		return err
	}
	if busy, err := ownEngine.Busy(ctx); err != nil {
		return err
	} else if busy {
		fmt.Printf("container engine: kept, there are containers in it; `DOCKER_HOST=%s docker ps --all` lists them\n", ownEngine.Host())
		return nil
	}
	others, err := users.others(folders.state, ownEngine.Host())
	if err != nil {
		return err
	}
	if len(others) > 0 {
		fmt.Printf("container engine: kept, others are to use it: %s\n", strings.Join(others, ", "))
	} else {
		unpacked, err := dockerd.Unpack(ctx, folders.Cached("docker"))
		if err != nil {
			return err
		}
		if err := ownEngine.Stop(ctx, unpacked); err != nil {
			return err
		}
		fmt.Printf("container engine: removed %s, nobody needs it any more\n", ownEngine.Dir)
	}
	return errors.Join(containerengine.Provided{}.Save(folders.state), folders.unlinkDocker())
}
