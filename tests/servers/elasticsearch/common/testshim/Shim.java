package testshim;

import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.apache.lucene.util.Version;
import org.elasticsearch.Build;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.admin.cluster.health.ClusterHealthResponse;
import org.elasticsearch.action.admin.indices.create.AutoCreateAction;
import org.elasticsearch.action.admin.indices.create.CreateIndexRequest;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.ClusterStateUpdateTask;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.index.IndexNotFoundException;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.index.mapper.KeywordFieldMapper;
import org.elasticsearch.index.mapper.Mapper;
import org.elasticsearch.index.mapper.NumberFieldMapper.NumberType;
import org.elasticsearch.index.mapper.TextFieldMapper;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.MapperPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/**
 * Stands in for modules that are not published: GET /, the REST handlers of data streams, and types of fields.
 *
 * <p>What data streams do is the server's own. The types of fields are near ones of the server. ILM has no effect.
 */
public abstract class Shim extends Plugin implements ActionPlugin, AnalysisPlugin, MapperPlugin {
    private ClusterService cluster;

    protected abstract Map<String, DataStream> dataStreams(ClusterState state);

    protected abstract ClusterState delete(ClusterState state, Set<DataStream> streams, Settings settings);

    protected final Collection<RestHandler> handlers() {
        return List.of(new Root(), new GetDataStreams(), new MakeDataStream(), new DeleteDataStreams());
    }

    @Override
    public Collection<?> createComponents(PluginServices services) {
        cluster = services.clusterService();
        return List.of();
    }

    @Override
    public Map<String, Mapper.TypeParser> getMappers() {
        Map<String, Mapper.TypeParser> types = new HashMap<>();
        types.put("match_only_text", TextFieldMapper.PARSER);
        types.put("wildcard", KeywordFieldMapper.PARSER);
        types.put("version", KeywordFieldMapper.PARSER);
        types.put("unsigned_long", NumberType.LONG.parser());
        types.put("constant_keyword", (name, node, context) -> {
            node.remove("value");
            return KeywordFieldMapper.PARSER.parse(name, node, context);
        });
        types.put("scaled_float", (name, node, context) -> {
            node.remove("scaling_factor");
            return NumberType.DOUBLE.parser().parse(name, node, context);
        });
        return types;
    }

    /** Of the index of security: its analyzer of e-mail addresses. */
    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of(
            "pattern_capture", AnalysisPlugin.requiresAnalysisSettings((index, environment, name, settings) -> filter(name, in -> {
                var patterns = settings.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new);
                return new PatternCaptureGroupTokenFilter(in, settings.getAsBoolean("preserve_original", true), patterns);
            })),
            "unique", (index, environment, name, settings) -> filter(name, RemoveDuplicatesTokenFilter::new),
            "lowercase", (index, environment, name, settings) -> filter(name, LowerCaseFilter::new));
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of("uax_url_email", (index, environment, name, settings) ->
            TokenizerFactory.newFactory(name, UAX29URLEmailTokenizer::new));
    }

    private static TokenFilterFactory filter(String name, UnaryOperator<TokenStream> make) {
        return new TokenFilterFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public TokenStream create(TokenStream in) {
                return make.apply(in);
            }
        };
    }

    @Override
    public List<Setting<?>> getSettings() {
        return List.of(
            Setting.simpleString("index.lifecycle.name", Setting.Property.Dynamic, Setting.Property.IndexScope),
            Setting.simpleString("index.lifecycle.rollover_alias", Setting.Property.Dynamic, Setting.Property.IndexScope));
    }

    private final class Root extends BaseRestHandler {
        @Override
        public String getName() {
            return "shim_root";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        /** The request of the real handler, for the privilege that it needs. */
        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            return channel -> client.admin().cluster().prepareHealth(TimeValue.timeValueSeconds(30)).execute(new ActionListener<>() {
                @Override
                public void onResponse(ClusterHealthResponse health) {
                    try {
                        channel.sendResponse(new RestResponse(RestStatus.OK, describe(channel)));
                    } catch (Exception e) {
                        onFailure(e);
                    }
                }

                @Override
                public void onFailure(Exception e) {
                    fail(channel, e);
                }
            });
        }

        private XContentBuilder describe(RestChannel channel) throws Exception {
            Build build = Build.current();
            return channel.newBuilder().startObject()
                .field("name", cluster.getNodeName())
                .field("cluster_name", cluster.state().getClusterName().value())
                .field("cluster_uuid", cluster.state().metadata().clusterUUID())
                .startObject("version")
                .field("number", build.version()).field("build_flavor", "default").field("build_type", "tar")
                .field("build_hash", build.hash()).field("build_date", build.date()).field("build_snapshot", build.isSnapshot())
                .field("lucene_version", Version.LATEST.toString())
                .field("minimum_wire_compatibility_version", build.minWireCompatVersion())
                .field("minimum_index_compatibility_version", build.minIndexCompatVersion())
                .endObject()
                .field("tagline", "You Know, for Search").endObject();
        }
    }

    private List<DataStream> match(String[] names) {
        return dataStreams(cluster.state()).values().stream()
            .filter(x -> names.length == 0 || Regex.simpleMatch(names, x.getName())).toList();
    }

    private final class GetDataStreams extends BaseRestHandler {
        @Override
        public String getName() {
            return "shim_get_data_streams";
        }

        @Override
        public List<Route> routes() {
            return List.of(
                new Route(RestRequest.Method.GET, "/_data_stream"),
                new Route(RestRequest.Method.GET, "/_data_stream/{name}"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            String[] names = Strings.splitStringByCommaToArray(request.param("name", ""));
            return channel -> {
                List<DataStream> found = match(names);
                if (found.isEmpty() && names.length > 0 && Regex.isSimpleMatchPattern(names[0]) == false) {
                    throw new IndexNotFoundException(names[0]);
                }
                XContentBuilder out = channel.newBuilder().startObject().startArray("data_streams");
                for (DataStream stream : found) {
                    out.startObject().field("name", stream.getName());
                    out.startObject("timestamp_field").field("name", "@timestamp").endObject().startArray("indices");
                    for (var index : stream.getIndices()) {
                        out.startObject().field("index_name", index.getName()).field("index_uuid", index.getUUID()).endObject();
                    }
                    out.endArray().field("generation", stream.getGeneration()).endObject();
                }
                channel.sendResponse(new RestResponse(RestStatus.OK, out.endArray().endObject()));
            };
        }
    }

    private final class MakeDataStream extends BaseRestHandler {
        @Override
        public String getName() {
            return "shim_make_data_stream";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.PUT, "/_data_stream/{name}"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            CreateIndexRequest asked = new CreateIndexRequest(request.param("name"));
            return channel -> client.execute(AutoCreateAction.INSTANCE, asked, acknowledge(channel));
        }
    }

    private final class DeleteDataStreams extends BaseRestHandler {
        @Override
        public String getName() {
            return "shim_delete_data_streams";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.DELETE, "/_data_stream/{name}"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            String[] names = Strings.splitStringByCommaToArray(request.param("name"));
            return channel -> {
                ActionListener<Object> listener = acknowledge(channel);
                cluster.submitUnbatchedStateUpdateTask("shim_delete_data_streams", new ClusterStateUpdateTask() {
                    @Override
                    public ClusterState execute(ClusterState state) {
                        return delete(state, new HashSet<>(match(names)), cluster.getSettings());
                    }

                    @Override
                    public void onFailure(Exception e) {
                        listener.onFailure(e);
                    }

                    @Override
                    public void clusterStateProcessed(ClusterState before, ClusterState after) {
                        listener.onResponse(null);
                    }
                });
            };
        }
    }

    private static <T> ActionListener<T> acknowledge(RestChannel channel) {
        return new ActionListener<>() {
            @Override
            public void onResponse(T result) {
                try {
                    channel.sendResponse(new RestResponse(
                        RestStatus.OK, channel.newBuilder().startObject().field("acknowledged", true).endObject()));
                } catch (Exception e) {
                    onFailure(e);
                }
            }

            @Override
            public void onFailure(Exception e) {
                fail(channel, e);
            }
        };
    }

    private static void fail(RestChannel channel, Exception reason) {
        try {
            channel.sendResponse(new RestResponse(channel, reason));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
