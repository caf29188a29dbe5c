package controller

// The operator's access rules, made into operator/rbac by "go generate". get is
// not needed for what the caches read (list and watch do), but for Jobs and
// Services: a live read before creation finds objects of other owners, which
// bear no label of ours and are therefore in no cache.
//
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters,verbs=list;watch
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters/status,verbs=patch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch;patch;delete
// +kubebuilder:rbac:groups="",resources=pods/status,verbs=patch
// Of what the ranks need, only the metadata of objects of the right name are read:
// see applyPrerequisites. It is deleted by its labels, for which deletecollection is
// enough. A Secret is only ever created; not even applied, since the answer to that
// holds the content.
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get;create;patch;deletecollection
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;create;patch;deletecollection
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;create;patch;deletecollection
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;create;patch;deletecollection
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;create;patch;deletecollection
//
// What self-scaling pods may do, the operator must be allowed to do itself.
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters/scale,verbs=get;patch;update
//
// The operator's own key.
// +kubebuilder:rbac:groups="",namespace=system,resources=secrets,verbs=get;create
//
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch
//
// Owner references with blockOwnerDeletion need this where the admission plugin
// OwnerReferencesPermissionEnforcement is on.
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters/finalizers,verbs=update
//
// Leader election.
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=system,resources=leases,verbs=get;create;update
