package org.elasticsearch.xpack.testsecurity;

import java.util.List;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.xpack.security.Security;

/** The security of Elasticsearch without its SAML actions: OpenSAML is not in Maven Central. */
public class SecurityWithoutSaml extends Security {
    public SecurityWithoutSaml(Settings settings) {
        super(settings);
    }

    @Override
    @SuppressWarnings({ "rawtypes", "unchecked" })
    public List getActions() {
        return ((List<ActionHandler>) (List) super.getActions()).stream()
            .filter(x -> !x.getTransportAction().getName().contains(".saml."))
            .toList();
    }
}
