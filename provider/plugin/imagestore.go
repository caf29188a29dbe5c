package plugin

import (
	"context"
	"errors"

	"github.com/gopherlocks/gopherlocks/provider/kind"
	"github.com/gopherlocks/gopherlocks/provider/localimage"
)

// errNoNodes says that the nodes are gone, and the image with them.
var errNoNodes = errors.New("there are no nodes")

// imageStore is what a LocalImage is loaded into.
type imageStore interface {
	// Load makes sure that the image is there.
	Load(ctx context.Context, image localimage.Image) error
	// Has says whether the image of a reference and digest is there.
	Has(ctx context.Context, reference, digest string) (bool, error)
	// Remove removes the image. Its error is errNoNodes if the image went with its
	// cluster.
	Remove(ctx context.Context, reference, digest string) error
}

// storeOf returns the store of the inputs that name one.
func storeOf(ctx context.Context, containerdAddress, kindCluster string) imageStore {
	if kindCluster != "" {
		return kindStore{name: kindCluster, progress: kindStatus(ctx)}
	}
	return containerdStore{localimage.Store{Address: containerdAddress}}
}

// containerdStore is the containerd of an embedded cluster.
type containerdStore struct{ localimage.Store }

func (s containerdStore) Has(ctx context.Context, reference, digest string) (bool, error) {
	found, err := s.Digest(ctx, reference)
	return found == digest, err
}

func (s containerdStore) Remove(ctx context.Context, reference, _ string) error {
	err := s.Store.Remove(ctx, reference)
	if errors.Is(err, localimage.ErrUnreachable) {
		return errors.Join(errNoNodes, err)
	}
	return err
}

// kindStore is the nodes of a cluster of kind.
type kindStore struct {
	name     string
	progress kind.Progress
}

func (s kindStore) Load(ctx context.Context, image localimage.Image) error {
	client, err := kind.NewClient(ctx, s.name, s.progress)
	if err != nil {
		return err
	}
	return client.LoadImage(ctx, s.name, image)
}

func (s kindStore) Has(ctx context.Context, reference, digest string) (bool, error) {
	client, err := kind.NewClient(ctx, s.name, s.progress)
	if err != nil {
		return false, err
	}
	return client.HasImage(ctx, s.name, reference, digest)
}

func (s kindStore) Remove(ctx context.Context, reference, digest string) error {
	client, err := kind.NewClient(ctx, s.name, s.progress)
	if err != nil {
		return err
	}
	err = client.RemoveImage(ctx, s.name, reference, digest)
	if errors.Is(err, kind.ErrNotFound) {
		return errors.Join(errNoNodes, err)
	}
	return err
}
