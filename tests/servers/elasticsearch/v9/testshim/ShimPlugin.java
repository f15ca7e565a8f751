package testshim;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.rest.RestHandler;

/** What differs in 9.x. */
public class ShimPlugin extends Shim {
    @Override
    public Collection<RestHandler> getRestHandlers(
            RestHandlersServices services, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
        return handlers();
    }

    @Override
    protected Map<String, DataStream> dataStreams(ClusterState state) {
        return state.metadata().getDefaultProject().dataStreams();
    }

    @Override
    protected ClusterState delete(ClusterState state, Set<DataStream> streams, Settings settings) {
        var project = state.metadata().getDefaultProject().id();
        return MetadataDataStreamsService.deleteDataStreams(state.projectState(project), streams, settings);
    }
}
