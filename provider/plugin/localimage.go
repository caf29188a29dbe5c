package plugin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/gopherlocks/gopherlocks/images"
	"github.com/gopherlocks/gopherlocks/provider/localimage"
)

// LocalImage is the resource gopherlocks:index:LocalImage.
type LocalImage struct{}

var (
	_ infer.CustomResource[LocalImageArgs, LocalImageState]       = (*LocalImage)(nil)
	_ infer.CustomCheck[LocalImageArgs]                           = (*LocalImage)(nil)
	_ infer.CustomDiff[LocalImageArgs, LocalImageState]           = (*LocalImage)(nil)
	_ infer.CustomRead[LocalImageArgs, LocalImageState]           = (*LocalImage)(nil)
	_ infer.CustomUpdate[LocalImageArgs, LocalImageState]         = (*LocalImage)(nil)
	_ infer.CustomDelete[LocalImageState]                         = (*LocalImage)(nil)
	_ infer.ExplicitDependencies[LocalImageArgs, LocalImageState] = (*LocalImage)(nil)
)

// LocalImageArgs are the inputs of a LocalImage.
type LocalImageArgs struct {
	ContainerdAddress string               `pulumi:"containerdAddress,optional"`
	KindCluster       string               `pulumi:"kindCluster,optional"`
	Repository        string               `pulumi:"repository"`
	Binary            types.AssetOrArchive `pulumi:"binary"`
	Entrypoint        []string             `pulumi:"entrypoint,optional"`
	Args              []string             `pulumi:"args,optional"`
	User              string               `pulumi:"user,optional"`
}

// LocalImageState are the outputs of a LocalImage.
type LocalImageState struct {
	ContainerdAddress string   `pulumi:"containerdAddress,optional"`
	KindCluster       string   `pulumi:"kindCluster,optional"`
	Repository        string   `pulumi:"repository"`
	BinarySHA256      string   `pulumi:"binarySha256"`
	Entrypoint        []string `pulumi:"entrypoint,optional"`
	Args              []string `pulumi:"args,optional"`
	User              string   `pulumi:"user"`
	Reference         string   `pulumi:"reference"`
	Digest            string   `pulumi:"digest"`
}

// Annotate documents the resource.
func (i *LocalImage) Annotate(a infer.Annotator) {
	a.SetToken(module, "LocalImage")
	a.Describe(&i, "A container image with one static binary and nothing else, built without Docker and loaded into the "+
		"containerd of an `EmbeddedCluster`, or of each node of a `KindCluster`, without a registry. A node that has the image "+
		"already, by digest, is left alone. A changed binary is a new image with a new reference. The old image is removed "+
		"when nothing in the program refers to it any more.")
}

// Descriptions of the inputs that are outputs too.
const (
	describeAddress = "Path of containerd's socket: the output `containerdAddress` of an `EmbeddedCluster`. Either this or " +
		"`kindCluster` is needed."
	describeKind       = "Name of a `KindCluster`, its output `name`, or of any other cluster of kind."
	describeRepository = "Name of the image without a tag, such as `localhost/gopherlocks/operator`."
	describeEntrypoint = "Command of the image. Default: the binary, which is in the root folder under its own name."
	describeArgs       = "Arguments of the entrypoint, for pods that name none."
	describeUser       = "User and group, as UID:GID, that the command runs as."
)

// Annotate documents the inputs.
func (args *LocalImageArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.ContainerdAddress, describeAddress)
	a.Describe(&args.KindCluster, describeKind)
	a.Describe(&args.Repository, describeRepository)
	a.Describe(&args.Binary, "The binary, a file asset: a statically linked executable for Linux on this machine's processor.")
	a.Describe(&args.Entrypoint, describeEntrypoint)
	a.Describe(&args.Args, describeArgs)
	a.Describe(&args.User, describeUser)
	a.SetDefault(&args.User, images.DefaultUser)
}

// Annotate documents the outputs.
func (s *LocalImageState) Annotate(a infer.Annotator) {
	a.Describe(&s.ContainerdAddress, describeAddress)
	a.Describe(&s.KindCluster, describeKind)
	a.Describe(&s.Repository, describeRepository)
	a.Describe(&s.BinarySHA256, "SHA-256 of the binary in the image, in hexadecimal.")
	a.Describe(&s.Entrypoint, describeEntrypoint)
	a.Describe(&s.Args, describeArgs)
	a.Describe(&s.User, describeUser)
	a.Describe(&s.Reference, "The image's name for pods: the repository with a tag that follows from the content.")
	a.Describe(&s.Digest, "Digest of the image's manifest, such as sha256:0123….")
}

// WireDependencies lets a preview know the reference, which follows from the
// inputs alone.
func (*LocalImage) WireDependencies(f infer.FieldSelector, _ *LocalImageArgs, state *LocalImageState) {
	if state.Reference != "" {
		f.OutputField(&state.Reference).AlwaysKnown()
		f.OutputField(&state.Digest).AlwaysKnown()
		f.OutputField(&state.BinarySHA256).AlwaysKnown()
	}
}

// errUnknownBinary says that a preview does not have the binary yet.
var errUnknownBinary = errors.New("the image's binary is not known yet")

// build makes the image in memory.
func (args LocalImageArgs) build() (localimage.Image, error) {
	asset := args.Binary.Asset
	if asset == nil {
		if args.Binary.Archive != nil {
			return localimage.Image{}, errors.New("the input binary must be an asset, and is an archive")
		}
		return localimage.Image{}, errUnknownBinary
	}
	if !asset.IsPath() {
		return localimage.Image{}, errors.New("the input binary must be a file asset: its name becomes that of the binary in the image")
	}
	content, err := asset.Bytes()
	if err != nil {
		return localimage.Image{}, fmt.Errorf("reading the image's binary %s (was it built?): %w", asset.Path, err)
	}
	return localimage.Build(args.Repository, images.Spec{
		BinaryName: filepath.Base(asset.Path),
		Binary:     content,
		Entrypoint: args.Entrypoint,
		Args:       args.Args,
		User:       args.User,
	})
}

func (args LocalImageArgs) state(image localimage.Image) LocalImageState {
	state := LocalImageState{
		ContainerdAddress: args.ContainerdAddress, KindCluster: args.KindCluster, Repository: args.Repository,
		Entrypoint: args.Entrypoint, Args: args.Args, User: args.User,
		Reference: image.Reference, Digest: image.Digest,
	}
	if args.Binary.Asset != nil {
		state.BinarySHA256 = args.Binary.Asset.Hash
	}
	return state
}

// Check asks for exactly one place to load the image into.
func (*LocalImage) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[LocalImageArgs], error) {
	args, failures, err := infer.DefaultCheck[LocalImageArgs](ctx, req.NewInputs)
	has := func(name string) bool {
		value := req.NewInputs.Get(name)
		return !value.IsNull() && !value.Equals(property.New(""))
	}
	if has("containerdAddress") == has("kindCluster") {
		failures = append(failures, p.CheckFailure{
			Property: "containerdAddress", Reason: "give exactly one of containerdAddress and kindCluster",
		})
	}
	return infer.CheckResponse[LocalImageArgs]{Inputs: args, Failures: failures}, err
}

// Create builds and loads the image.
func (*LocalImage) Create(
	ctx context.Context, req infer.CreateRequest[LocalImageArgs],
) (infer.CreateResponse[LocalImageState], error) {
	state, err := load(ctx, req.Inputs, req.DryRun)
	return infer.CreateResponse[LocalImageState]{ID: state.Reference, Output: state}, err
}

// Update loads the image again if a node has lost it.
func (*LocalImage) Update(
	ctx context.Context, req infer.UpdateRequest[LocalImageArgs, LocalImageState],
) (infer.UpdateResponse[LocalImageState], error) {
	state, err := load(ctx, req.Inputs, req.DryRun)
	return infer.UpdateResponse[LocalImageState]{Output: state}, err
}

func load(ctx context.Context, args LocalImageArgs, dryRun bool) (LocalImageState, error) {
	if dryRun && args.Repository == "" {
		return args.state(localimage.Image{}), nil
	}
	image, err := args.build()
	if dryRun && errors.Is(err, errUnknownBinary) {
		return args.state(localimage.Image{}), nil
	}
	if err != nil {
		return LocalImageState{}, fmt.Errorf("building image %s: %w", args.Repository, err)
	}
	if !dryRun {
		if err := storeOf(ctx, args.ContainerdAddress, args.KindCluster).Load(ctx, image); err != nil {
			return LocalImageState{}, err
		}
	}
	return args.state(image), nil
}

// Diff compares content: the same binary in another folder is no change. A new
// image replaces the old one, which goes after its users were updated. The image
// cannot be built here and compared: the engine sends only the hash of an asset.
func (*LocalImage) Diff(
	ctx context.Context, req infer.DiffRequest[LocalImageArgs, LocalImageState],
) (infer.DiffResponse, error) {
	changes := diffImage(req.State, req.Inputs)
	if len(changes) == 0 && isLost(ctx, req.State) {
		changes["reference"] = p.PropertyDiff{Kind: p.Update}
	}
	return infer.DiffResponse{HasChanges: len(changes) > 0, DetailedDiff: changes}, nil
}

func diffImage(state LocalImageState, args LocalImageArgs) map[string]p.PropertyDiff {
	changes := map[string]p.PropertyDiff{}
	replaceIf := func(changed bool, name string) {
		if changed {
			changes[name] = p.PropertyDiff{Kind: p.UpdateReplace, InputDiff: true}
		}
	}
	replaceIf(args.ContainerdAddress != state.ContainerdAddress, "containerdAddress")
	replaceIf(args.KindCluster != state.KindCluster, "kindCluster")
	replaceIf(args.Repository != state.Repository, "repository")
	// Without an asset the binary is not known yet.
	replaceIf(args.Binary.Asset == nil || args.Binary.Asset.Hash != state.BinarySHA256, "binary")
	replaceIf(!slices.Equal(args.Entrypoint, state.Entrypoint), "entrypoint")
	replaceIf(!slices.Equal(args.Args, state.Args), "args")
	replaceIf(args.User != state.User, "user")
	return changes
}

// isLost says whether a node has lost the image. A node that does not run cannot be
// asked; it still has its images when it is started again.
func isLost(ctx context.Context, state LocalImageState) bool {
	has, err := storeOf(ctx, state.ContainerdAddress, state.KindCluster).Has(ctx, state.Reference, state.Digest)
	return err == nil && !has
}

// Read reports whether the nodes still have the image.
func (*LocalImage) Read(
	ctx context.Context, req infer.ReadRequest[LocalImageArgs, LocalImageState],
) (infer.ReadResponse[LocalImageArgs, LocalImageState], error) {
	if isLost(ctx, req.State) {
		return infer.ReadResponse[LocalImageArgs, LocalImageState]{}, nil
	}
	return infer.ReadResponse[LocalImageArgs, LocalImageState](req), nil
}

// Delete removes the image from the nodes.
func (*LocalImage) Delete(ctx context.Context, req infer.DeleteRequest[LocalImageState]) (infer.DeleteResponse, error) {
	// Images go with the cluster.
	err := storeOf(ctx, req.State.ContainerdAddress, req.State.KindCluster).Remove(ctx, req.State.Reference, req.State.Digest)
	if err != nil && !errors.Is(err, errNoNodes) {
		return infer.DeleteResponse{}, fmt.Errorf("removing image %s: %w", req.State.Reference, err)
	}
	return infer.DeleteResponse{}, nil
}
