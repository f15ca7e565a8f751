package testingest;

import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.Map;
import org.elasticsearch.ingest.AbstractProcessor;
import org.elasticsearch.ingest.IngestDocument;
import org.elasticsearch.ingest.Processor;
import org.elasticsearch.plugins.IngestPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * Stands in for the processors of ingest-common and ingest-geoip, which are not published: their
 * names are known, so a pipeline with them can be installed. "set" writes the time, which is all
 * that our pipeline sets; the others do nothing.
 */
public class ShimPlugin extends Plugin implements IngestPlugin {
    @Override
    public Map<String, Processor.Factory> getProcessors(Processor.Parameters parameters) {
        Map<String, Processor.Factory> found = new HashMap<>();
        for (String name : new String[] {"set", "geoip", "rename", "pipeline"})
            found.put(name, (factories, tag, description, config) -> make(name, tag, description, config));
        return found;
    }

    private static Processor make(String name, String tag, String description, Map<String, Object> config) {
        Object field = config.get("field");
        config.clear(); // what is left over is a mistake to the server
        return new AbstractProcessor(tag, description) {
            @Override
            public String getType() { return name; }

            @Override
            public IngestDocument execute(IngestDocument document) {
                if (name.equals("set")) document.setFieldValue((String) field, Instant.now().atZone(ZoneOffset.UTC).toString());
                return document;
            }
        };
    }
}
