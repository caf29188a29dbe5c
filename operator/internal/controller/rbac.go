package controller

// The operator's access rules, made into operator/rbac by "go generate". get is
// not needed for what the caches read (list and watch do), but for Jobs and
// Services: a live read before creation finds objects of other owners, which
// bear no label of ours and are therefore in no cache.
//
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters,verbs=list;watch;patch
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters/status,verbs=patch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch;patch;delete
// +kubebuilder:rbac:groups="",resources=pods/status,verbs=patch
// Namespaces that are being deleted: see plan.Make. No other is read.
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch
// Of what the ranks need, only metadata are read. list and watch tell that somebody has
// deleted or changed a part; get finds objects of other owners before one is applied: see
// applyPart. It is deleted by its labels, for which deletecollection is enough; but where
// the admission plugin OwnerReferencesPermissionEnforcement is on, only who may delete an
// object may give it an owner again. A Secret is only ever created; not even applied, since the answer to that holds the content,
// and not watched, since to list Secrets is to read them.
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get;list;watch;create;patch;delete;deletecollection
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;list;watch;create;patch;delete;deletecollection
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete;deletecollection
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete;deletecollection
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete;deletecollection
//
// The autoscaler by the queue updates it. And what self-scaling pods may do, the operator
// must be allowed to do itself.
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters/scale,verbs=get;patch;update
//
// The operator's own key.
// +kubebuilder:rbac:groups="",namespace=system,resources=secrets,verbs=get;create
//
// Events are written about MiniClusters, and read about Jobs and pods of theirs while
// ranks are missing: the API server's reasons to refuse pods are nowhere else. To try a
// pod out would need pods/create.
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch;list
//
// Autoscalers whose target is a MiniCluster: only their status says that the bounds have
// refused their wish.
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=list;watch
//
// Owner references with blockOwnerDeletion need this where the admission plugin
// OwnerReferencesPermissionEnforcement is on.
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters/finalizers,verbs=update
//
// Leader election.
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=system,resources=leases,verbs=get;create;update
